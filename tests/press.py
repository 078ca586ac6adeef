"""`python -m tests.press DATABASE DIRECTORY`: copies until it is killed; tells when it has written a hundred objects."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from schemas.publishing import StaticObject
from services.publish.directory import DirectoryPlace
from services.store import Store
from services.syndicate.joiner import Site
from tests.feed_desk import BASE, T0, Desk
from tests.publishing import pressing


class TellingPlace(DirectoryPlace):
    """Says when it has written a hundred objects, and then takes its time, to be killed over its work."""

    written = 0

    async def put(self, one: StaticObject) -> None:
        await super().put(one)
        self.written += 1
        if self.written == 100:
            sys.stdout.write("a hundred\n")
            sys.stdout.flush()
        if self.written > 100:
            await asyncio.Event().wait()


async def main() -> None:
    site = Site(BASE, "Le Fil", UUID(int=7), T0)
    async with Store.open(sys.argv[1]) as store:
        with ThreadPoolExecutor(1) as pool:
            async with pressing(Desk(store, pool, site), TellingPlace(sys.argv[2])):
                await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
