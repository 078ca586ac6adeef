"""Private feeds: who may read them, by a token in the path or in `Authorization`."""

from services.http.private.gate import Gate
from services.http.private.route import PrivateFeeds, private_routes

__all__ = ["Gate", "PrivateFeeds", "private_routes"]
