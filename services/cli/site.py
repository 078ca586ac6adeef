"""What all feeds of this installation share, and the documents that lead to them: for HTTP and for static copies."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.cli.wire import Running, clock


async def site_of(running: Running) -> Any:
    """Describe the installation, as all feeds show it. Dates it, the first time."""
    from services.syndicate.joiner import Site

    settings, meta = running.settings, running.store.meta
    if (founded := await meta.get("founded")) is None:
        founded = clock().isoformat(timespec="seconds")
        await meta.set("founded", founded)
    return Site(
        base_url=running.base_url,
        newsroom=settings.title,
        installation=UUID(await meta.get("namespace")),
        founded=datetime.fromisoformat(founded),
        max_age_s=settings.feed_max_age_s,
        hub_urls=settings.hub_urls,
        is_public=settings.public_feeds,
    )


def discovery_of(running: Running, site: Any) -> Any:
    """Make the directory, the sitemap and their kin."""
    from services.syndicate.discovered import Announced, Discovery

    settings = running.settings
    announced = Announced(
        settings.security_contact, settings.robots_txt, frozenset(host.lower() for host in settings.sitemap_hosts)
    )
    return Discovery(running.store.directory, site, announced, clock=clock)
