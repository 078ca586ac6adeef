"""How the store says that it cannot, now."""


class StoreUnavailable(Exception):  # noqa: N818 it names a state, and `raise StoreUnavailable` reads so
    """The database is locked, unreachable or restarting. A later try may help; nothing was changed that was answered.

    A lost connection during a commit leaves it open whether that commit happened: every method of the
    store may be repeated.
    """

    def __init__(self, message: str, retry_after_s: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreFull(StoreUnavailable):
    """No room on the database's disk. Nothing accepted is lost; new events are refused until there is room."""

    def __init__(self, message: str, retry_after_s: float = 30.0) -> None:
        super().__init__(message, retry_after_s)


class DefinitionsMoved(Exception):  # noqa: N818 it names a state
    """What was decided by saved feeds as they were: they have changed since. Nothing was written; decide again."""
