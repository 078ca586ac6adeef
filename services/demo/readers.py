"""Feed readers: polite ones send back the validators they were given, rude ones never do."""

import asyncio
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


@dataclass
class Reader:
    """Polls one feed. Counts what it was told; `items` is how often new bytes came."""

    feed_url: str
    polite: bool = True
    polls: int = 0
    unchanged: int = 0
    items: int = 0
    failed: int = 0
    _etag: str | None = field(default=None, repr=False)

    def poll(self) -> bool:
        """Ask once (blocking). Returns whether the feed carries at least one entry."""
        parts = urlsplit(self.feed_url)
        headers = {"User-Agent": "wireroom-demo-reader", "Accept-Encoding": "gzip"}
        if self.polite and self._etag:
            headers["If-None-Match"] = self._etag
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=5)
        try:
            connection.request("GET", parts.path, headers=headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            self.failed += 1
            return False
        finally:
            connection.close()
        self.polls += 1
        if response.status == 304:
            self.unchanged += 1
        elif response.status == 200:
            self._etag = response.headers["ETag"]
            self.items += 1
        else:
            self.failed += 1
        return response.status == 200 and len(body) > 0


async def read_forever(readers: list[Reader], every_s: float) -> None:
    """Poll all readers in turn, spread over `every_s` seconds, until cancelled."""
    while True:
        for reader in readers:
            await asyncio.to_thread(reader.poll)
            await asyncio.sleep(every_s / len(readers))
