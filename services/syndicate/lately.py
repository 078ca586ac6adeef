"""Which version of its feed a document was of that a reader may still hold: for deltas (RFC 3229)."""

import re
from collections import OrderedDict

from services.syndicate.document import Document

_TAG = re.compile(rb'(?:W/)?"([^"]*)"')
_SUFFIX = re.compile(rb"[-;:]{1,2}gzip$")


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

    def find(self, document: Document, if_none_match: bytes) -> tuple[bytes, int] | None:
        """Find the newest earlier document of the same feed and format that the reader holds: its tag and version.

        Compared weakly, and without what a compressing proxy appended. None: none of them is known (any more).
        """
        found: list[tuple[bytes, int]] = []
        for said in _TAG.findall(if_none_match):
            tag = b'"%s"' % _SUFFIX.sub(b"", said)
            if (version := self._versions.get((document.feed, document.format, tag))) is not None:
                found.append((tag, version))
        return max(found, key=lambda one: one[1], default=None)
