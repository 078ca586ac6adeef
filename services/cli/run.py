"""`wireroom run STAGE…`: chosen stages of a service that is spread over processes or machines."""

from services.cli.data_dir import ADDRESS, DataDir
from services.cli.errors import CommandError
from services.settings import Settings


def run(settings: Settings, stages: tuple[str, ...]) -> None:
    """Run until a signal comes. On SQLite only `http` may run, read-only, beside a running `up`."""
    from services.cli.announce import announce
    from services.cli.wire import run_until_signalled

    data = DataDir(settings.data_dir)
    data.prepare()
    if settings.database_url is None:
        _refuse_on_sqlite(data, stages)
    elif settings.redis_url is None:
        raise CommandError(
            "stages in several processes need a Redis they share", "Set WIREROOM_REDIS_URL=redis://host:6379/0"
        )
    run_until_signalled(settings, frozenset(stages), data, announce)


def _refuse_on_sqlite(data: DataDir, stages: tuple[str, ...]) -> None:
    if set(stages) != {"http"}:
        raise CommandError(
            "SQLite has one writing process, and that is `wireroom up`",
            "For stages of their own set WIREROOM_DATABASE_URL=postgresql://… and WIREROOM_REDIS_URL=redis://…",
        )
    if data.holder() is None or not (data.path / ADDRESS).exists():
        raise CommandError(
            f"nothing is running on {data.path}",
            "Start `wireroom up` first; `run http` then serves its feeds read-only",
        )
