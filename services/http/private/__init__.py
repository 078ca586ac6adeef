"""Private feeds: who may read them, by a token in the path or in `Authorization`."""

from services.http.private.gate import Gate

__all__ = ["Gate"]
