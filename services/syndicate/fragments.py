"""Entries' bytes: remembered, byte-capped, and loaded from the store where they are not."""

from collections import OrderedDict
from collections.abc import Sequence

from schemas.jobs import WindowItem
from services.syndicate.ports import FeedReads


class FragmentCache:
    """Fragments by (fragment name, article id, version), the least recently used dropped first. b"": there is none."""

    def __init__(self, cap_bytes: int) -> None:
        self._cap = cap_bytes
        self._size = 0
        self._held: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()

    def get(self, key: tuple[str, str, int]) -> bytes | None:
        """Look it up; None: not remembered."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: tuple[str, str, int], fragment: bytes) -> None:
        """Remember it, and forget others where room is short. A fragment never changes under its key."""
        if key in self._held:
            return
        self._held[key] = fragment
        self._size += len(fragment) + 200  # the key and the entry cost about that
        while self._size > self._cap and self._held:
            _, dropped = self._held.popitem(last=False)
            self._size -= len(dropped) + 200


class Fragments:
    """Entries' fragments, from memory or from the store."""

    def __init__(self, feeds: FeedReads, cap_bytes: int) -> None:
        self._feeds = feeds
        self._held = FragmentCache(cap_bytes)

    async def load(self, name: str, items: Sequence[WindowItem]) -> list[bytes]:
        """Find the items' fragments, in their order; those that the format does not carry are left out."""
        found = {item: self._held.get((name, item.article_id, item.version)) for item in items}
        missing = [(item.article_id, item.version) for item, one in found.items() if one is None]
        loaded = await self._feeds.fragments(name, missing) if missing else {}
        for item, one in found.items():
            if one is None:
                version, fragment = loaded.get(item.article_id, (item.version, b""))
                self._held.put((name, item.article_id, version), fragment)
                found[item] = fragment
        return [one for one in found.values() if one]
