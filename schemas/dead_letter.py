"""Work given up, kept with its cause and its content so that an operator can mend and resend it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class DeadLetter(BaseModel):
    """One piece of work that ended without its effect.

    `event_id` is None for bytes that never became an event (an unreadable inbox entry); then `raw`
    holds them. `cause` is a short stable word ("unreadable", "poison", "step failed", "refused: 410"),
    `detail` says it in full.
    """

    model_config = ConfigDict(frozen=True)
    stage: str
    cause: str
    detail: str
    at: datetime
    event_id: str | None = None
    article_id: str | None = None
    raw: bytes | None = None
