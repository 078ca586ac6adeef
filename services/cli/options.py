"""Settings for commands: read once, and a wrong one named in a line."""

from typing import TYPE_CHECKING, Any

from services.cli.errors import UsageError

if TYPE_CHECKING:
    from services.settings import Settings


def load_settings(**given: Any) -> "Settings":
    """Read the settings from the environment, with `given` (options of a command) before them.

    Raises UsageError that names every wrong setting by its variable.
    """
    from pydantic import ValidationError

    from services.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        faults = [
            f"WIREROOM_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise UsageError("; ".join(faults), "Correct the setting; wireroom config --table lists all") from None
