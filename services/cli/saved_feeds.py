"""What the syndicate stage needs for saved feeds: the index of their filters, and the one who fills them."""

from services.cli.wire import Running, clock
from services.syndicate.saved import SavedFilters


async def start_saved_feeds(running: Running) -> SavedFilters:
    """Read all filters, and start filling feeds."""
    from services.syndicate.fill import Filler, in_pool

    assert running.pool is not None, "syndicate has a pool"
    saved = SavedFilters(running.store.saved_feeds)
    await saved.refresh()
    store = running.store
    filler = Filler(store.feed_fills, store.search, running.relay, in_pool(running.pool.submit), clock=clock)
    running.keep(filler.run(), "filler")
    return saved
