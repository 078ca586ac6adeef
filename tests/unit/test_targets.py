"""Who wants an article, of many endpoints: found by their filters, kept up to date as they change."""

from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter
from services.deliver.worker import Targets
from services.filters import Subject

WORLD = Subject(section=("world",), language="fr", title="Climate summit")


def _endpoint(name: str, stated: object, form: BodyFormat = BodyFormat.FULL) -> Endpoint:
    return Endpoint(
        id=name,
        subscriber_id=f"of-{name}",
        url="https://partner.example/",
        filter=Filter.model_validate(stated),
        format=form,
        secret="whsec_" + "x" * 32,
        headers={},
        state=EndpointState.ACTIVE,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


class _Directory:
    """As the store answers: a version, and all endpoints only if it moved."""

    def __init__(self) -> None:
        self.version = 0
        self.endpoints: list[Endpoint] = []
        self.reads = 0

    def become(self, endpoints: Sequence[Endpoint]) -> None:
        self.version += 1
        self.endpoints = list(endpoints)

    async def snapshot(self, known: int = -1) -> tuple[int, list[Endpoint] | None]:
        if known == self.version:
            return known, None
        self.reads += 1
        return self.version, self.endpoints

    async def get(self, endpoint_id: str) -> Endpoint | None:
        return next((one for one in self.endpoints if one.id == endpoint_id), None)


async def test_endpoints_that_change_come_and_go() -> None:
    directory = _Directory()
    targets = Targets(directory)
    assert (await targets.now()).matching(WORLD) == {}
    line = _endpoint("line", '"climate summit" lang:fr -tag:sport')
    lists = _endpoint("lists", {"section": ["World"]}, BodyFormat.THIN)
    directory.become([line, lists, _endpoint("all", {})])
    known = await targets.now()
    assert known.matching(WORLD) == {
        "line": ('"climate summit"', "language:fr"),
        "lists": ("section:world",),
        "all": ("all",),
    }
    assert known.thin == {"lists"}
    directory.become([_endpoint("line", "lang:de"), _endpoint("lists", {"section": ["World"]})])
    known = await targets.now()
    assert (known.matching(WORLD), known.thin, len(known)) == ({"lists": ("section:world",)}, frozenset(), 2)
    assert set(known.all) == {"line", "lists"}


async def test_they_are_read_again_only_when_one_changed() -> None:
    directory = _Directory()
    directory.become([_endpoint(f"e{n}", f"tag:t{n}") for n in range(1_000)])
    targets = Targets(directory)
    for _ in range(3):
        found = (await targets.now()).matching(Subject(tag=("t7", "t999")))
        assert found == {"e7": ("tag:t7",), "e999": ("tag:t999",)}
    assert directory.reads == 1


async def test_a_list_that_names_nothing_wants_nothing() -> None:
    directory = _Directory()
    directory.become([_endpoint("odd", {"section": ["!!!"]}), _endpoint("f", {"language": ["f"]})])
    assert (await Targets(directory).now()).matching(WORLD) == {}
