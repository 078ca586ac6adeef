"""Media RSS (https://www.rssboard.org/media-rss): every picture and recording of an entry."""

from schemas.article import Enclosure, Image
from schemas.feed import Entry
from services.syndicate.formats.content import image_type
from services.syndicate.formats.feedgen_adapter import Element


def _picture(image: Image) -> Element:
    said = {
        "url": image.url,
        "medium": "image",
        "type": image_type(image.url),
        "width": image.width,
        "height": image.height,
    }
    words: list[Element] = []
    if image.alt:
        words.append(Element("media:description", image.alt, {"type": "plain"}))
    if image.credit:
        words.append(Element("media:credit", image.credit))
    return Element("media:content", "", {name: str(value) for name, value in said.items() if value}, words)


def _recording(one: Enclosure) -> Element:
    medium = one.type.partition("/")[0]
    said = {
        "url": one.url,
        "medium": medium if medium in {"audio", "video", "image"} else None,
        "type": one.type,
        "fileSize": one.length or None,  # 0: unknown
        "duration": int(one.duration) if one.duration is not None else None,
    }
    return Element("media:content", "", {name: str(value) for name, value in said.items() if value is not None})


def media(entry: Entry) -> list[Element]:
    """List each as `media:content`, never in a group: they are not the same content."""
    return [*map(_picture, entry.images), *map(_recording, entry.enclosures)]
