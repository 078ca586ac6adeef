"""Which version of its feed a document was of that a reader may still hold: for deltas (RFC 3229)."""

from collections import OrderedDict

from services.syndicate.document import Document


class Lately:
    """Versions by the entity tags of documents made lately, bounded; what is forgotten is answered in full."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._versions: OrderedDict[tuple[str, str, bytes], int] = OrderedDict()

    def note(self, document: Document) -> None:
        """Remember a document's tags. The same bytes made again are of the newer version: less is to be told."""
        for tag in set(document.tags.values()):
            key = (document.feed, document.format, tag)
            self._versions[key] = document.version
            self._versions.move_to_end(key)
        while len(self._versions) > self._most:
            self._versions.popitem(last=False)

    def version_of(self, document: Document, tag: bytes) -> int | None:
        """Find the version of which an earlier document of the same feed and format was. None: not known (any more)."""
        return self._versions.get((document.feed, document.format, tag))
