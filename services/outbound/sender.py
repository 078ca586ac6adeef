"""The door that stages see."""

from typing import Protocol

from schemas.delivery import Request, Response


class Sender(Protocol):
    """Sends one request to an address that a partner named."""

    async def send(self, request: Request) -> Response:
        """Make the whole exchange within `request.timeout_s`, once.

        Never raises for the network, the partner or a refused address: each is a Response with its
        cause. Redirects are not followed. A reused connection that the partner closed before any byte of
        an answer is replaced once; nothing else is repeated. Cancelling closes the connection.
        """
        ...

    async def close(self) -> None:
        """Close every connection. A request under way ends as a failure."""
        ...
