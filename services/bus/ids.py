"""Entry ids: `<milliseconds>-<number>`, ordered by both as numbers. Pure."""


def text(value: bytes | str) -> str:
    """Return an id or a name as str."""
    return value.decode() if isinstance(value, bytes) else value


def id_key(entry_id: str) -> tuple[int, int]:
    """Return an id in its order."""
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0)


def id_after(entry_id: str) -> str:
    """Return the smallest id above it."""
    ms, number = id_key(entry_id)
    return f"{ms}-{number + 1}"
