"""What is wrong with an input, said so that its sender can mend it in one go."""

from pydantic import BaseModel, ConfigDict


class Fault(BaseModel):
    """One fault. `where` is a JSON pointer ("/tags/3"), or "line 2, column 14" where nothing could be parsed."""

    model_config = ConfigDict(frozen=True)
    where: str
    what: str


class Refusal(BaseModel):
    """An input that cannot be accepted, with every fault that was found. A repeat is refused again.

    `cause` is a short stable word: "unreadable" (not even parsed), "too large" or "refused".
    """

    model_config = ConfigDict(frozen=True)
    errors: tuple[Fault, ...]
    cause: str = "refused"

    def text(self) -> str:
        """All faults in one line, for logs and dead letters."""
        return "; ".join(f"{fault.where}: {fault.what}".removeprefix(": ") for fault in self.errors)
