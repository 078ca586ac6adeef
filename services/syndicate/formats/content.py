"""What all formats say alike: the body with its correction note and picture, and the words of a stub."""

import re
from html import escape, unescape
from urllib.parse import urlsplit

from schemas.article import Enclosure, Image
from schemas.feed import Entry
from services.syndicate.formats.text import (
    FIRST_STRONG_ISOLATE,
    POP_ISOLATE,
    as_html,
    has_leftwards,
    isolated,
    line,
    xml_text,
)

_SHOWN = re.compile(r'<img(?=\s)[^<]*?\ssrc="([^"]*)"')
_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "svg": "image/svg+xml",
}


def image_type(url: str) -> str | None:
    """Tell the media type by the URL's extension; None: it tells none, and none is invented."""
    return _TYPES.get(urlsplit(url).path.rpartition(".")[2].lower())


def _picture(image: Image) -> str:
    size = "".join(
        f' {name}="{value}"' for name, value in (("width", image.width), ("height", image.height)) if value is not None
    )
    picture = f'<img src="{escape(image.url)}" alt="{escape(image.alt or "")}"{size}>'
    caption = f"<figcaption>{as_html(image.credit)}</figcaption>" if image.credit else ""
    return f"<figure>{picture}{caption}</figure>"


def _note(entry: Entry) -> str:
    said = entry.correction_note
    return f"<p><strong>Correction:</strong> {as_html(said)}</p>" if said else ""


def _block(entry: Entry, html: str) -> str:
    """Set language and direction on the text itself: readers lay a feed out in their own or the feed's.

    So a left-to-right story reads well in a right-to-left feed too.
    """
    if not html:
        return ""
    lang = f' lang="{escape(entry.lang)}"' if entry.lang != "und" else ""
    if lang or entry.direction == "rtl":
        html = f'<div dir="{entry.direction}"{lang}>{html}</div>'
    return xml_text(html)


def _shows(body: str, url: str) -> bool:
    """Whether a picture stands in the body: as a picture, not as a link or as part of another address."""
    return "<img" in body and any(unescape(found[1]) == url for found in _SHOWN.finditer(body))


def full_html(entry: Entry) -> str:
    """Compose the body as readers show it: correction note, lead picture (unless the body has it), text."""
    body = entry.content_html
    lead = ""
    if entry.images and not _shows(body, entry.images[0].url):
        lead = _picture(entry.images[0])
    return _block(entry, f"{_note(entry)}{lead}{body}")


def summary_text(entry: Entry) -> str:
    """Give the summary as plain text; blank ones are none."""
    text = xml_text(entry.summary)
    return text if text.strip() else ""


def headline_html(entry: Entry) -> str:
    """Give the body of an entry that has none: its summary, else its headline; set from the right where it reads so."""
    html = as_html(summary_text(entry) or line(entry.title))
    return _block(entry, html) if entry.direction == "rtl" else html


def summary_html(entry: Entry) -> str:
    """Compose the body of a feed without full text: correction note, lead picture, summary."""
    lead = _picture(entry.images[0]) if entry.images else ""
    said = summary_text(entry)
    summary = f"<p>{as_html(said)}</p>" if said else ""
    return _block(entry, f"{_note(entry)}{lead}{summary}")


def enclosure(entry: Entry) -> Enclosure | None:
    """Choose the one enclosure that RSS may carry: the first audio or video, else the lead picture.

    Length 0 says that it is unknown. A picture whose type is unknown is no enclosure.
    """
    if entry.enclosures:
        return entry.enclosures[0]
    kind = image_type(entry.images[0].url) if entry.images else None
    return Enclosure(url=entry.images[0].url, type=kind) if kind else None


def shown_title(entry: Entry) -> str:
    """Give the headline as readers list it: one line, isolated where directions mix."""
    return isolated(line(entry.title), entry.direction)


def stub_title(entry: Entry) -> str:
    """`Retracted: …`; a takedown shows no headline. A right-to-left headline is isolated from the prefix."""
    title = line(entry.title)
    if entry.state == "takedown" or not title:
        return "Retracted"
    if has_leftwards(title):
        title = f"{FIRST_STRONG_ISOLATE}{title}{POP_ISOLATE}"
    return f"Retracted: {title}"


def stub_text(entry: Entry) -> str:
    """Why it is gone: the publisher's reason, else the bare fact."""
    if entry.state == "expired":
        return "This story has expired."
    return line(entry.reason or "") or "The publisher has taken this story back."
