"""How compressed copies are called, so that web servers and CDNs find them. Pure."""

SUFFIXES = {"gzip": ".gz", "br": ".br"}


def with_copies(path: str) -> tuple[str, ...]:
    """List an object's path and those of all compressed copies that it may have."""
    return (path, *(path + suffix for suffix in SUFFIXES.values()))
