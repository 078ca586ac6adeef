"""Names to addresses, without letting one slow name server hold the others up."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

THREADS = 64
FRESH_S = 30.0  # an answer is believed this long; every answer is judged before it is dialled


Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""All addresses of a name, as text. OSError when there are none or nobody answers."""


class SystemLookup:
    """getaddrinfo in daemon threads: one per name at a time, at most 64 in all, answers kept for 30 s.

    Not the event loop's pool: six partners with a dead name server would fill it, and the interpreter
    would wait for them at exit. Failures are not kept. Cancelling a caller leaves the lookup to the others
    that wait for it.
    """

    def __init__(
        self,
        resolve: Callable[[str], Sequence[str]] | None = None,
        *,
        fresh_s: float = FRESH_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`resolve` blocks and raises OSError; the default asks the system."""
        self._resolve = resolve or system_addresses
        self._fresh_s = fresh_s
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, Sequence[str]]] = {}
        self._asked: dict[str, asyncio.Future[Sequence[str]]] = {}
        self._slots = asyncio.Semaphore(THREADS)

    async def __call__(self, host: str) -> Sequence[str]:
        """Answer from memory, or with whoever else asks for the same name."""
        kept = self._kept.get(host)
        if kept is not None and kept[0] > self._monotonic():
            return kept[1]
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = asyncio.ensure_future(self._ask(host))
            asked.add_done_callback(lambda done: self._answered(host, done))
        return await asyncio.shield(asked)

    async def _ask(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        async with self._slots:
            answer: asyncio.Future[Sequence[str]] = loop.create_future()

            def tell(addresses: Sequence[str], fault: OSError | None) -> None:
                if answer.done():
                    return
                if fault is None:
                    answer.set_result(addresses)
                else:
                    answer.set_exception(fault)

            def run() -> None:
                addresses: Sequence[str] = ()
                fault: OSError | None = None
                try:
                    addresses = self._resolve(host)
                except OSError as error:
                    fault = error
                except Exception as error:  # noqa: BLE001 a name that the codec refuses, UnicodeError
                    fault = OSError(str(error))
                with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                    loop.call_soon_threadsafe(tell, addresses, fault)

            threading.Thread(target=run, name=f"lookup {host}", daemon=True).start()
            return await answer

    async def close(self) -> None:
        """Forget who asks; threads that still wait for a name server end by themselves."""
        asked = list(self._asked.values())
        for waiting in asked:
            waiting.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    def _answered(self, host: str, done: asyncio.Future[Sequence[str]]) -> None:
        del self._asked[host]
        if done.cancelled() or done.exception() is not None:
            return
        now = self._monotonic()
        if len(self._kept) >= 10_000:
            self._kept = {name: kept for name, kept in self._kept.items() if kept[0] > now}
        self._kept[host] = (now + self._fresh_s, done.result())


def system_addresses(host: str) -> Sequence[str]:
    """Every IPv4 and IPv6 address that the system's resolver gives, in its order. Blocks."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
