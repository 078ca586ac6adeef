"""Finding a running service, and telling what went wrong with it in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.client import Client, connect, segment
from services.cli.data_dir import ADDRESS, KEY, DataDir
from services.cli.errors import CommandError, UsageError
from tests.recorder import Recorder, recorder


@pytest.fixture
def service() -> Iterator[Recorder]:
    with recorder() as record:
        record.answers["GET /v1/stats"] = (200, {"accepted": 0})
        yield record


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    for name in ("URL", "API_KEY", "ADMIN_KEY"):
        monkeypatch.delenv(f"WIREROOM_{name}", raising=False)
    monkeypatch.setenv("WIREROOM_DATA_DIR", str(tmp_path / "data"))
    found = DataDir(tmp_path / "data")
    found.prepare()
    return found


def test_address_and_key_are_those_that_up_left(service: Recorder, data_dir: DataDir) -> None:
    data_dir.leave(ADDRESS, service.url)
    data_dir.leave(KEY, "wr_key")
    assert connect().get("/v1/stats") == {"accepted": 0}
    assert service.requests[0].headers["authorization"] == "Bearer wr_key"


def test_the_environment_comes_first(service: Recorder, data_dir: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir.leave(ADDRESS, "http://127.0.0.1:1")
    data_dir.leave(KEY, "wr_file")
    monkeypatch.setenv("WIREROOM_URL", service.url + "/")
    monkeypatch.setenv("WIREROOM_API_KEY", "wr_environment")
    connect().get("/v1/stats")
    assert service.requests[0].path == "/v1/stats"
    assert service.requests[0].headers["authorization"] == "Bearer wr_environment"


def test_the_key_of_the_data_directory_never_leaves_this_machine(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.leave(KEY, "wr_file")
    monkeypatch.setenv("WIREROOM_URL", "https://wireroom.example")
    assert connect()._key is None
    monkeypatch.setenv("WIREROOM_URL", "http://localhost:9")
    assert connect()._key == "wr_file"


def test_a_key_file_that_others_may_read_is_refused(service: Recorder, data_dir: DataDir) -> None:
    data_dir.leave(ADDRESS, service.url)
    data_dir.leave(KEY, "wr_key")
    (data_dir.path / KEY).chmod(0o644)
    with pytest.raises(CommandError, match=r"open to others.*chmod 600"):
        connect()
    assert not service.requests


@pytest.mark.usefixtures("data_dir")
def test_without_a_service_the_cure_is_named() -> None:
    with pytest.raises(CommandError, match=r"no service runs on .*wireroom up.*WIREROOM_URL"):
        connect()


def test_a_dead_address_names_the_cure() -> None:
    with recorder() as gone:
        pass
    with pytest.raises(CommandError, match=r"nothing answers at .*wireroom up"):
        Client(gone.url, None).get("/v1/stats")


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8080", "http://", "nonsense"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match=r"WIREROOM_URL"):
        Client(url, None)


def test_a_refused_key_names_the_cure(service: Recorder) -> None:
    service.answers["GET /v1/stats"] = (401, {"title": "Unauthorized"})
    with pytest.raises(CommandError, match=r"refused the key.*WIREROOM_API_KEY"):
        Client(service.url, "wr_wrong").get("/v1/stats")
    with pytest.raises(CommandError, match=r"asks for a key"):
        Client(service.url, None).get("/v1/stats")


def test_every_fault_of_a_problem_is_told_with_its_place(service: Recorder) -> None:
    faults = [{"where": "/title", "what": "is missing"}, {"where": "/tags/3", "what": "is too long"}]
    service.answers["POST /v1/x"] = (422, {"title": "Unprocessable", "detail": "2 faults", "errors": faults})
    with pytest.raises(CommandError, match=r"^422 2 faults; /title: is missing; /tags/3: is too long$"):
        Client(service.url, None).post("/v1/x", {})


def test_when_to_try_again_is_told(service: Recorder) -> None:
    service.answers["POST /v1/x"] = (503, {"detail": "the store is locked"})
    service.headers["Retry-After"] = "7"
    with pytest.raises(CommandError, match=r"503 the store is locked \(try again in 7 s\)"):
        Client(service.url, None).post("/v1/x", {})


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"null", b"\xff"])
def test_an_answer_that_is_no_problem_document_is_told_by_its_status(service: Recorder, body: bytes) -> None:
    service.answers["GET /v1/x"] = (502, body)
    with pytest.raises(CommandError, match=r"502 Bad Gateway"):
        Client(service.url, None).get("/v1/x")


def test_a_list_is_walked_page_by_page_up_to_the_limit(service: Recorder) -> None:
    pages = [{"items": [{"n": 1}, {"n": 2}], "next": "é&2"}, {"items": [{"n": 3}, {"n": 4}], "next": "3"}]
    service.answers["GET /v1/x"] = [(200, page) for page in pages]
    assert [item["n"] for item in Client(service.url, None).items("/v1/x", 3, state=None, stage="enrich")] == [1, 2, 3]
    assert service.requests[0].path == "/v1/x?stage=enrich&limit=3"
    assert service.requests[1].path == "/v1/x?stage=enrich&limit=1&cursor=%C3%A9%262"


def test_text_of_any_script_and_ids_with_slashes_travel_whole(service: Recorder) -> None:
    service.answers["POST /base/v1/articles/urn%3A1%2F%C3%A9"] = (200, {})
    Client(service.url + "/base", None).post(f"/v1/articles/{segment('urn:1/é')}", {"reason": "nom erroné – 誤報"})
    assert json.loads(service.requests[0].body) == {"reason": "nom erroné – 誤報"}
    assert service.requests[0].headers["content-type"] == "application/json"
