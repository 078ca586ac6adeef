"""`GET /stream`: server-sent events of what moves, as it moves, resumable (HTML Living Standard §9.2)."""

from services.http.stream.hub import Hub
from services.http.stream.route import Shortcut, StreamApp, stream_routes

__all__ = ["Hub", "Shortcut", "StreamApp", "stream_routes"]
