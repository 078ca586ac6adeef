"""The automatic feeds that follow from an article itself: all, section, tag, lang, author, source.

One rule for what feeds carry and for what webhooks name. DESIGN.md §4.
"""

from collections.abc import Iterator

from schemas.article import Article
from schemas.enrichment import Enrichment
from schemas.feed import slug
from schemas.jobs import FeedKind, FeedRef

ALL = FeedRef("all", "All stories", "all")
RESERVED = frozenset({"archive"})
"""Never a feed's slug: `/feeds/{name}/archive/…` is the history of a feed (RFC 5005)."""

MAX_SLUG = 200  # characters; a feed's name travels in streams and URLs
_KINDS: dict[str, FeedKind] = {
    "all": "all",
    "section": "section",
    "tag": "tag",
    "lang": "lang",
    "author": "author",
    "source": "source",
}
_OWN_NAMES = {
    "ar": "العربية",
    "bg": "Български",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "et": "Eesti",
    "fa": "فارسی",
    "fi": "Suomi",
    "fr": "Français",
    "he": "עברית",
    "hi": "हिन्दी",
    "hr": "Hrvatski",
    "hu": "Magyar",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "lt": "Lietuvių",
    "lv": "Latviešu",
    "nl": "Nederlands",
    "no": "Norsk",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "ru": "Русский",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "sr": "Српски",
    "sv": "Svenska",
    "th": "ไทย",
    "tr": "Türkçe",
    "uk": "Українська",
    "vi": "Tiếng Việt",
    "zh": "中文",
}


def feed_slug(name: str) -> str:
    """Make a name's part of a feed's name; "" (no letter, no digit, or a reserved word) makes no feed."""
    short = slug(name)[:MAX_SLUG].rstrip("-")
    return "" if short in RESERVED else short


def _named(article: Article, enrichment: Enrichment | None) -> Iterator[tuple[FeedKind, str]]:
    sections = enrichment.sections if enrichment is not None and enrichment.sections else article.sections
    for section in sections:
        yield "section", section
    for tag in article.tags:
        yield "tag", tag
    for author in article.authors:
        yield "author", author.name
    site = enrichment.site if enrichment is not None else None
    if source := article.source.name if article.source is not None else site:
        yield "source", source


def automatic_feeds(article: Article, enrichment: Enrichment | None) -> tuple[FeedRef, ...]:
    """List the feeds that an article belongs to, `all` first, each once.

    What enrichment found counts like what was stated. The language is its primary subtag (`pt-BR` → `pt`);
    an unknown one makes no feed. Two names with one slug are one feed, titled by the first.
    """
    found = {ALL.name: ALL}
    spoken = enrichment.lang if enrichment is not None else article.language or "und"
    code = spoken.replace("_", "-").partition("-")[0].lower()
    if code != "und":
        found[f"lang/{code}"] = FeedRef(f"lang/{code}", _OWN_NAMES.get(code, code), "lang", code)
    for kind, name in _named(article, enrichment):
        if short := feed_slug(name):
            found.setdefault(f"{kind}/{short}", FeedRef(f"{kind}/{short}", name, kind))
    return tuple(found.values())


def feed_ref(name: str) -> FeedRef:
    """Describe a feed of which only the name is known; the store keeps the title it has."""
    if name == ALL.name:
        return ALL
    prefix, slash, short = name.partition("/")
    kind = _KINDS.get(prefix, "saved") if slash else "saved"
    if kind == "lang":
        return FeedRef(name, _OWN_NAMES.get(short, short), kind, short)
    return FeedRef(name, short if kind != "saved" else name, kind)
