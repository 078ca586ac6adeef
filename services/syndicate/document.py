"""A ready document: its bytes plain and gzipped, each with its validator."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from isal import igzip
from xxhash import xxh3_128_hexdigest

from schemas.feed import FeedHead
from services.syndicate.formats import Format


class Coded(NamedTuple):
    """The document in one content coding. `etag` is strong, quoted, and made of these very bytes."""

    data: bytes
    etag: str


class Policy(NamedTuple):
    """Who may keep the document, and for how long. `noindex`: search engines shall leave it out."""

    kind: Literal["public", "archive", "private"] = "public"
    max_age_s: int = 60
    noindex: bool = False


class Document(NamedTuple):
    """What readers fetch: made once per change, for the same content always the same bytes."""

    feed: str  # its key, not its address
    format: str
    version: int  # of the feed, when it was joined
    media_type: str
    self_url: str
    identity: Coded
    gzip: Coded
    changed_at: datetime  # the feed's last change: data, not the time of joining
    policy: Policy = Policy()
    hub_urls: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes it holds in memory."""
        return len(self.identity.data) + len(self.gzip.data)


def _coded(data: bytes) -> Coded:
    return Coded(data, f'"{xxh3_128_hexdigest(data)}"')


def make(  # noqa: PLR0917 - handed on by position to a thread
    head: FeedHead,
    version: int,
    changed_at: datetime,
    shape: Format,
    fragments: Sequence[bytes],
    policy: Policy = Policy(),  # noqa: B008 - frozen
) -> Document:
    """Join the fragments under their head, compress, and tag. CPU-bound: about 1 ms for 500 KB.

    gzip at ISA-L's level 2, 15 times as fast as zlib's level 6 for 24 % more bytes; its time stamp is 0.
    """
    data = shape.document(head, fragments)
    return Document(
        feed=head.name,
        format=shape.name,
        version=version,
        media_type=shape.media_type,
        self_url=head.self_url,
        identity=_coded(data),
        gzip=_coded(igzip.compress(data, 2, mtime=0)),
        changed_at=changed_at,
        policy=policy,
        hub_urls=head.hub_urls,
    )
