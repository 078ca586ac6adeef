"""What people and programs outside are shown: explicit, without secrets, always valid JSON."""

from typing import Any

from schemas.delivery import Attempt
from schemas.records import ApiKey, DeadLetterRecord, DeliveryRecord
from schemas.subscription import Endpoint

MAX_SHOWN = 4_096  # bytes of somebody's answer, or of what could not be read


def delivery_view(found: DeliveryRecord) -> dict[str, Any]:
    """Show a delivery with its attempts. `webhook` is the endpoint, `webhook_id` the header's value."""
    shown = found.model_dump(mode="json", exclude={"attempts", "endpoint_id", "subscriber_id"})
    return {
        **shown,
        "webhook": found.endpoint_id,
        "subscriber": found.subscriber_id,
        "attempts": [attempt_view(one) for one in found.attempts],
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """Show one try. The answer's body is text of at most 4 kB, whatever bytes it was."""
    return {**attempt.model_dump(mode="json", exclude={"body"}), "body": as_text(attempt.body)}


def endpoint_view(found: Endpoint) -> dict[str, Any]:
    """Show a webhook: never its secret, and of its headers only the names, for they may hold one."""
    shown = found.model_dump(mode="json", exclude={"secret", "subscriber_id", "headers"})
    return {**shown, "subscriber": found.subscriber_id, "headers": dict.fromkeys(found.headers, "…")}


def key_view(found: ApiKey) -> dict[str, Any]:
    """Show a key without anything that would open a door."""
    shown = found.model_dump(mode="json", exclude={"sha256", "used_at", "subscriber_id"})
    used_at = None if found.used_at is None else found.used_at.isoformat()
    return {**shown, "subscriber": found.subscriber_id, "last_used_at": used_at}


def dead_view(found: DeadLetterRecord, *, whole: bool = False) -> dict[str, Any]:
    """Show a dead letter; in lists the bytes that could not be read are cut, alone they are whole."""
    raw = found.raw
    shown = found.model_dump(mode="json", exclude={"raw"})
    return {**shown, "raw": None if raw is None else as_text(raw, None if whole else MAX_SHOWN)}


def as_text(raw: bytes, limit: int | None = MAX_SHOWN) -> str:
    """Show bytes as text: what is not UTF-8 is escaped, so nothing of it is lost and nothing breaks JSON."""
    return raw[:limit].decode("utf-8", "backslashreplace")
