"""P8: new events are refused before the disk is full, and taken again when there is room."""

from pathlib import Path

from tests.live import live


async def test_without_room_publishing_answers_507_and_reading_goes_on(tmp_path: Path) -> None:
    plenty = str(10**9)  # MiB: no disk has so much
    async with live(tmp_path / "data", {"WIREROOM_MIN_FREE_MB": plenty}) as service:
        status, answer = await service.call("POST", "/v1/articles", {"id": "a", "title": "No room"})
        assert (status, answer["status"]) == (507, 507)
        assert (await service.get("/feeds/all.rss"))[0] == 200
        assert (await service.stats())["accepted"] == 0
