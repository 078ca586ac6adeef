"""Web addresses: one to publish, and one to compare by. Pure.

Only what is known to track is dropped: libraries that delete every parameter merge different stories
(`?article=12`). `ref`, `source` and `from` go by their value. Output is ASCII (RFC 3986, RFC 3987).
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_plus

from yarl import URL

from services.text.listed import listed

_PREFIXES = ("utm_", "mtm_", "pk_", "hsa_", "itm_", "oly_", "vero_", "fb_", "_hs", "__hs", "at_")
_NAMES = listed(
    "fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid igshid igsh li_fat_id mc_cid mc_eid "
    "mkt_tok _openstat openstat cmpid campaign_id campaign_medium campaign_name campaign_source campaign_term "
    "campaign_content s_cid s_kwcid ef_id epik rb_clickid sc_channel sc_cid sc_geo trk trkcampaign wickedid "
    "xtor ns_campaign ns_mchannel ns_source ns_linkname ns_fee bsft_clkid bsft_uid guccounter guce_referrer "
    "guce_referrer_sig _branch_match_id __twitter_impression ftag smid spm scid piwik_campaign piwik_kwd "
    "matomo_campaign wt_mc wt_zmc soc_src soc_trk dm_i ml_subscriber ml_subscriber_hash rtid _ga _gl"
)
_BY_VALUE = frozenset({"ref", "source", "from", "src", "via", "origin", "referrer"})
_VALUES = listed(
    "rss rss1 rss2 feed feeds atom homepage home hp front frontpage twitter facebook fb ig instagram linkedin telegram "
    "whatsapp reddit youtube google googlenews news.google newsletter email mail social share sharing amp push app "
    "pocket flipboard feedburner t.co"
)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AMP = re.compile("&(?:amp|#38|#x26);", re.IGNORECASE)  # only these: `&copy=1` is a parameter
_JUNK = re.compile("[\t\n\r]")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|[0-9a-fA-F:.]+")
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
_HOST_PREFIX = re.compile(r"^(?:www\d?|m|mobile|amp)\.(?=[^.]+\.)")
_AMP_PATH = re.compile(r"(?:/amp|\.amp)(?=$|\.html?$)|^/amp(?=/)")

MAX_URL = 2_048


@lru_cache(maxsize=2_048)
def publishable(link: str, base: str | None = None) -> str | None:
    """Return an absolute http(s) address without credentials, tracking and fragment (`#!` stays); None: there is none.

    A relative link needs `base`. Parameters keep their order and their bytes.
    """
    url = _parsed(link, base)
    if url is None:
        return None
    query = url.raw_query_string
    kept = "&".join(part for part in query.split("&") if part and not is_tracking(part)) if query else ""
    fragment = url.raw_fragment if url.raw_fragment.startswith("!") else ""
    text = f"{url.scheme}://{_authority(url)}{url.raw_path or '/'}"
    text += f"?{kept}" if kept else ""
    text += f"#{fragment}" if fragment else ""
    return text if len(text) <= MAX_URL else None


def absolute(link: str, base: str | None = None) -> str | None:
    """Do the same with its tracking and fragment left as they are: for pictures and media."""
    url = _parsed(link, base)
    if url is None:
        return None
    text = f"{url.scheme}://{_authority(url)}{url.raw_path_qs or '/'}"
    return text if len(text) <= MAX_URL else None


def comparable(url: str) -> str:
    """Return the key of an address from `publishable`: no scheme, www or m, index file or trailing slash; query sorted."""
    parsed = URL(url, encoded=True)
    host = _HOST_PREFIX.sub("", _authority(parsed))
    path = _AMP_PATH.sub("", _INDEX.sub("/", parsed.raw_path)).rstrip("/")
    query = "&".join(sorted(parsed.raw_query_string.split("&"))) if parsed.raw_query_string else ""
    fragment = f"#{parsed.raw_fragment}" if parsed.raw_fragment else ""
    return host + path + (f"?{query}" if query else "") + fragment


def is_tracking(parameter: str) -> bool:
    """Whether `name=value`, as it stands in a query, only says where a reader came from."""
    name, _, value = parameter.partition("=")
    name = unquote_plus(name).lower()
    if name.startswith(_PREFIXES) or name in _NAMES:
        return True
    return name in _BY_VALUE and unquote_plus(value).lower().removeprefix("www.") in _VALUES


def srcset(value: str, base: str | None = None) -> str | None:
    """Return the candidates of a `srcset` that are http(s), made absolute; None: none is (HTML §4.8.4.2.1)."""
    kept = [f"{url} {size}".rstrip() for link, size in _candidates(value) if (url := absolute(link, base)) is not None]
    return ", ".join(kept) or None


def _candidates(value: str) -> Iterable[tuple[str, str]]:
    for candidate in re.split(r",\s+|,(?=\s*https?:)", value):
        link, _, size = candidate.strip().strip(",").partition(" ")
        size = size.strip()
        if link and re.fullmatch(r"(?:\d+w|\d+(?:\.\d+)?x|\d+h|\d+w \d+h)?", size):
            yield link, size


def _parsed(link: str, base: str | None) -> URL | None:
    link = _AMP.sub("&", _JUNK.sub("", link)).strip(" \x00\u00a0")
    if not link or len(link) > MAX_URL * 2:
        return None
    try:
        if _SCHEME.match(link) is None:
            if _HAS_SCHEME.match(link) is not None or base is None:
                return None
            url = URL(base).join(URL(link.replace("\\", "/")))
        else:
            url = URL(link)
        if url.scheme not in ("http", "https") or _HOST.fullmatch(url.raw_host or "") is None:
            return None
        port = url.explicit_port
    except (ValueError, UnicodeError):
        return None
    return url if port is None or 0 < port < 65_536 else None


def _authority(url: URL) -> str:
    host = (url.raw_host or "").lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return host if url.is_default_port() or url.explicit_port is None else f"{host}:{url.explicit_port}"
