"""What a command may end with, other than success."""

from typing import NoReturn


class CommandError(Exception):
    """The command failed (exit code 1). One line says what, `cure` says what to do about it."""

    exit_code = 1

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        end = "" if self.what.endswith("?") else "."
        return f"{self.what}{end} {self.cure}" if self.cure else self.what


class UsageError(CommandError):
    """The command was not understood, or a setting is wrong (exit code 2)."""

    exit_code = 2


def fail(what: str, cure: str = "") -> NoReturn:
    """End the command with exit code 1."""
    raise CommandError(what, cure)
