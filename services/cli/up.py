"""`wireroom up`: every stage in one process, on embedded defaults."""

from schemas.topics import STAGES
from services.cli.data_dir import DataDir
from services.settings import Settings


def up(settings: Settings) -> None:
    """Run until a signal comes. Raises CommandError when it cannot start."""
    from services.cli.announce import announce
    from services.cli.wire import run_until_signalled

    with DataDir(settings.data_dir) as data:
        run_until_signalled(settings, frozenset(STAGES), data, announce)
