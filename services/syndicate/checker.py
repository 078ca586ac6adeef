"""Judges whole documents by our own rules, behind everything else.

    joined ─▶ noted ─▶ one at a time, rarely ─▶ verdict in SQL ─▶ `feeds show`, metrics, alerts

At most a hundredth of a core: after a check that took t it rests for 99 t. A document that changed meanwhile
is judged as it is then, once; one whose verdict another process recorded is not judged again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import BrokenExecutor
from datetime import datetime
from typing import Any, Protocol

import structlog

from schemas.feed_health import Judged
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Key
from services.syndicate.rules import Expected, Fault, check_document

_log = structlog.get_logger(__name__)

SHARE = 0.01  # of a core
NAMED = 20  # faults kept of one document
_WAITING = 20_000  # documents noted; the oldest are forgotten first, and noted again when they change

Offload = Callable[..., Awaitable[Any]]


class _Verdict(Protocol):
    @property
    def format(self) -> str: ...
    @property
    def version(self) -> int: ...


class Verdicts(Protocol):
    """Where verdicts are kept. May raise `StoreUnavailable`."""

    async def judged(self, judged: Judged) -> None:
        """Keep one."""
        ...

    async def checks(self, names: Collection[str]) -> Sequence[_Verdict]:
        """Read those of some feeds."""
        ...


class DocumentChecker:
    """`note` whatever was joined; `run` judges it. `offload` runs a function elsewhere than in the event loop."""

    def __init__(
        self,
        peek: Callable[[Key], Document | None],
        verdicts: Verdicts,
        *,
        clock: Callable[[], datetime],
        offload: Offload = asyncio.to_thread,
        share: float = SHARE,
    ) -> None:
        self._peek, self._verdicts, self._clock, self._offload, self._share = peek, verdicts, clock, offload, share
        self._waiting: OrderedDict[Key, None] = OrderedDict()
        self._some = asyncio.Event()
        self.checked = 0

    def note(self, key: Key) -> None:
        """Remember that a document was joined. One that waits already keeps its turn."""
        if key[2]:
            return  # sealed pages are made of fragments that were judged, and never change
        self._waiting[key] = None
        if len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)
        self._some.set()

    async def run(self) -> None:
        """Judge what waits, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            if not self._waiting:
                self._some.clear()
                continue
            key, _ = self._waiting.popitem(last=False)
            began = loop.time()
            try:
                await self.check(key)
            except (StoreUnavailable, BrokenExecutor) as error:
                _log.warning("checker.not_judged", feed=key[0], why=str(error))
            await asyncio.sleep((loop.time() - began) * (1 / self._share - 1))

    async def check(self, key: Key) -> list[Fault]:
        """Judge one document as it stands, unless its version was judged."""
        document = self._peek(key)
        if document is None or await self._known(document):
            return []
        data, policy = document.identity.data, document.policy
        expected = Expected(
            self_url=document.self_url,
            max_age_s=policy.max_age_s,
            now=self._clock(),
            hub_urls=tuple(document.hub_urls),
        )
        found: list[Fault] = await self._offload(check_document, document.format, data, expected)
        # A burst makes a document long until the archivist comes by: no cause to wake anybody.
        faults = [fault for fault in found if fault.rule != 34]
        self.checked += 1
        if faults:
            _log.warning(
                "checker.faults", feed=document.feed, format=document.format, first=str(faults[0]), many=len(faults)
            )
        told = tuple((fault.rule, fault.where, fault.what) for fault in faults[:NAMED])
        await self._verdicts.judged(
            Judged(document.feed, document.format, document.version, self._clock(), len(data), told)
        )
        return faults

    async def _known(self, document: Document) -> bool:
        checks = await self._verdicts.checks([document.feed])
        return any(one.format == document.format and one.version == document.version for one in checks)
