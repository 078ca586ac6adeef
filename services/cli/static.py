"""Static copies, wired: the syndicate stage's documents and HTTP's headers go to the publish stage's place."""

import random
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from prometheus_client import Counter, Gauge
from xxhash import xxh3_128_hexdigest

from schemas.publishing import Counts, StaticObject
from schemas.records import FeedRow
from services.cli.errors import CommandError
from services.cli.site import discovery_of, site_of
from services.cli.stages import owner_of
from services.cli.wire import Running, clock
from services.http.feeds.decision import headers
from services.syndicate import history
from services.syndicate.discovered import Discovery
from services.syndicate.document import Document, pack
from services.syndicate.formats import FORMATS
from services.syndicate.joiner import Joiner, Site
from services.syndicate.ports import FeedReads

_CACHE_BYTES = 16 * 1024 * 1024  # fragments: a story's feeds are copied in the same second


class DocumentSource:
    """Makes objects of documents, with the very headers that HTTP would send."""

    def __init__(
        self, feeds: FeedReads, discovery: Discovery, site: Site, *, codings: Sequence[str], version: str
    ) -> None:
        said = (version, site.base_url, site.newsroom, *site.hub_urls, site.max_age_s, *FORMATS, *codings)
        self.layout = xxh3_128_hexdigest(repr(said).encode())
        self._site, self._discovery, self._codings = site, discovery, codings
        self._joiner = Joiner(feeds, site, _CACHE_BYTES)
        self._begun = False  # the feed of all stories has one

    async def current(self, feed: FeedRow) -> Sequence[StaticObject]:
        """Make the subscription documents; none if nobody may read them (any more).

        They also stand where the next archive page will: the newest one names that address already.
        """
        made = await self._joiner.join(feed.address, tuple(FORMATS))
        objects = self._objects(made.values()) if isinstance(made, dict) else []
        if (sealed := history.newest(feed)) == 0:
            return objects
        making = history.Sealed(feed.generation, sealed + 1).name
        return [*objects, *(one._replace(path=_page_path(one.path, making)) for one in objects)]

    async def archive(self, feed: FeedRow, first: int, last: int) -> Sequence[StaticObject]:
        """Make a sealed page in every format."""
        page = f"archive/{feed.generation}/{first}-{last}"
        found = [await self._joiner.page(feed.address, each, page) for each in FORMATS]
        return self._objects(one for one in found if isinstance(one, Document))

    async def site(self) -> Sequence[StaticObject]:
        """Make what leads to the feeds; and the feed of all stories while there is none: HTTP serves it empty."""
        made = list((await self._discovery.all()).values())
        if not self._begun:
            empty = await self._joiner.join("all", tuple(FORMATS))
            documents = list(empty.values()) if isinstance(empty, dict) else []
            self._begun = any(one.version for one in documents)
            made += [] if self._begun else documents
        return self._objects(made)

    def _objects(self, documents: Iterable[Document]) -> list[StaticObject]:
        return [self._object(one) for one in documents if one.policy.kind != "private"]

    def _object(self, document: Document) -> StaticObject:
        made = dict(headers(document, 200, "identity", document.changed_at))
        kind, policy = made[b"content-type"].decode(), made[b"cache-control"].decode()
        coded = {
            "gzip": lambda: document.gzip,
            "br": lambda: pack(document, "br"),
        }
        codings = {name: found.data for name in self._codings if (found := coded[name]()) is not None}
        return StaticObject(
            path=unquote(document.self_url.removeprefix(f"{self._site.base_url}/")),
            data=document.identity.data,
            media_type=kind,
            cache_control=policy,
            changed_at=document.changed_at,
            tag=xxh3_128_hexdigest(f"{document.identity.etag}|{kind}|{policy}|{'+'.join(codings)}".encode()),
            codings=codings,
        )


def _page_path(path: str, page: str) -> str:
    address, _, extension = path.rpartition(".")
    return f"{address}/{page}.{extension}"


async def start_publishing(running: Running) -> None:
    """Keep static copies, where a place for them is set."""
    from services.publish.core import pause_s
    from services.publish.places import open_place
    from services.publish.worker import Publisher

    settings = running.settings
    if settings.publish_url is None:
        return
    if not settings.public_feeds:
        raise CommandError(
            "static copies can be read by anybody, and WIREROOM_PUBLIC_FEEDS is false",
            "Unset WIREROOM_PUBLISH_URL, or let the feeds be public",
        )
    try:
        place = open_place(settings.publish_url)
    except Exception as error:
        raise CommandError(f"WIREROOM_PUBLISH_URL: {error}") from error
    if settings.public_url is None:
        running.notices.append(f"static copies name {running.base_url}: set WIREROOM_PUBLIC_URL to the CDN's address")
    site = await site_of(running)
    discovery = discovery_of(running, site)
    objects = Counter(
        "wireroom_publish_objects",
        "Static objects, by what became of them.",
        ["outcome"],
        registry=running.metrics.registry,
    )

    def count(counts: Counts) -> None:
        for outcome, number in counts._asdict().items():
            objects.labels(outcome).inc(number)

    publisher = Publisher(
        place,
        running.store.static,
        DocumentSource(running.store.feeds, discovery, site, codings=settings.publish_codings, version=running.version),
        owner=owner_of(running),
        clock=clock,
        pause=lambda failures: pause_s(failures, random.random()),  # noqa: S311 - it spreads processes
        in_flight=settings.publish_in_flight,
        on_counts=count,
    )
    lag: Any = Gauge(
        "wireroom_publish_lag_seconds",
        "Age of the oldest change without a static copy.",
        registry=running.metrics.registry,
    )
    lag.set_function(publisher.lag_s)
    running.notes["publish"] = publisher.note
    running.keep(publisher.run(), "publish")
