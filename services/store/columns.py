"""Column types that mean the same on SQLite and PostgreSQL.

Instants are whole microseconds since 1970 (UTC) in a 64-bit integer, so that order and equality are
exact on both; documents are JSON in bytes, so that no database judges their text.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel
from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text, TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

M = TypeVar("M", bound=BaseModel)

Whole = BigInteger().with_variant(Integer(), "sqlite")  # STRICT tables know INTEGER only, of 64 bits
Small = Integer()
Blob = LargeBinary()


def storable(text: str) -> str:
    """Replace what PostgreSQL (U+0000) or UTF-8 (lone surrogates) cannot hold. Ingest cleans; this never lets it crash."""
    if "\x00" in text:
        text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def words(text: str | None) -> str | None:
    """Make text storable; None stays None."""
    if text is None or (text.isascii() and "\x00" not in text):
        return text
    return storable(text)


def microseconds(at: datetime | None) -> int | None:
    """Count microseconds since 1970. A naive time raises TypeError."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def instant(count: int | None) -> datetime | None:
    """Read such a count back, as UTC."""
    return None if count is None else _EPOCH + timedelta(microseconds=count)


class Words(TypeDecorator[str]):
    """Text of any length; see `words`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 SQLAlchemy passes it
        """On the way in."""
        return words(value)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """INTEGER on SQLite, BIGINT elsewhere."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 SQLAlchemy passes it
        """On the way in."""
        return microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy passes it
        """On the way out."""
        return instant(value)


def document(model: BaseModel) -> bytes:
    """JSON of a model, defaults left out. Lone surrogates become question marks instead of an error."""
    try:
        return model.model_dump_json(exclude_defaults=True).encode()
    except ValueError:  # pydantic_core: a string that is no UTF-8
        return orjson.dumps(_clean(model.model_dump(mode="python", exclude_defaults=True)), default=str)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def parsed(model: type[M], data: bytes) -> M:
    """Read a document back."""
    return model.model_validate_json(data)
