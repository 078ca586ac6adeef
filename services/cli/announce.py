"""What `up` prints when it is ready, and leaves for commands."""

from services.cli.data_dir import ADDRESS
from services.cli.places import redis_cli
from services.cli.wire import Running, reads_only


async def announce(running: Running) -> None:
    """Print where everything is. The admin key is shown at the first start only."""
    from services import __version__

    if "http" in running.stages and not reads_only(running.settings, running.stages):
        running.data.leave(ADDRESS, running.local_url)
    print(f"Wireroom {__version__} is up.", flush=True)
    for name, value in lines(running):
        print(f"  {name:<11}{value}", flush=True)


def lines(running: Running) -> list[tuple[str, str]]:
    """Name every address, then what an operator should hear."""
    shown: list[tuple[str, str]] = []
    if "http" in running.stages:
        base = running.base_url
        shown = [
            ("Pages", f"{base}/feeds"),
            ("Feeds", f"{base}/feeds/all.rss   .atom   .json"),
            ("API", f"{base}/v1/articles   reference: {base}/docs"),
            ("Health", f"{base}/readyz   metrics: {base}/metrics"),
        ]
    shown += [("Queue", redis_cli(running.redis_address)), ("Data", str(running.data.path))]
    if running.first_key:
        shown.append(("Admin key", f"{running.first_key}   (shown once; also in {running.data.path / 'admin.key'})"))
    return shown + [("Notice", notice) for notice in running.notices]
