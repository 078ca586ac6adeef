"""What is wrong with a filter, so that whoever typed it can mend it."""

from unicodedata import combining, east_asian_width

_BEFORE, _AFTER = 60, 20  # characters of a long line that are shown around the place


class FilterError(ValueError):
    """A filter that cannot be used; a retry is refused the same.

    `column` counts characters of `text` from 1. None: it came as JSON, and `where` is the JSON pointer (RFC 6901)
    of the faulty part.
    """

    def __init__(self, message: str, column: int | None = None, text: str = "", where: str = "") -> None:
        super().__init__(f"column {column}: {message}" if column is not None else message)
        self.message = message
        self.column = column
        self.text = text
        self.where = where

    def pointed(self) -> str:
        """Show the line with a caret under the place, then what to do; for a terminal."""
        if self.column is None:
            return f"{self.where}: {self.message}".removeprefix(": ")
        at = min(self.column - 1, len(self.text))
        start = max(0, at - _BEFORE)
        line = "".join(char if char.isprintable() else " " for char in self.text[start : at + _AFTER])
        width = sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in line[: at - start])
        return f"{line}\n{' ' * width}^\n{self}"
