"""Each command against a service that records what it was asked, and answers as the API does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cli.app import run
from services.cli.data_dir import ADDRESS, KEY, DataDir
from tests.recorder import Recorder, recorder

RECEIPT = {"id": "4711", "revision": 1, "event_id": "e1", "status": "accepted", "warnings": {}}
REFUSAL = {
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "One fault.",
    "errors": [{"where": "/title", "what": "is missing"}],
}
HEALTH = {
    "feed": {"address": "all", "title": "All", "filter": None, "items": 3, "changed_at": "2026-03-01T12:00:00Z", "ended_at": None,
             "silent_after_s": None},
    "days": 7, "requests": 4, "not_modified": 3, "not_modified_ratio": 0.75, "limited": 0, "bytes_sent": 500, "subscribers": 1234,
    "readers": 2, "silent": True, "silent_after_s": 7200, "dropped_characters": 1, "faults": 1, "clients": [], "bad_clients": [],
    "formats": [],
}  # fmt: skip
FAULT = {"format": "rss", "rule": 8, "where": "link", "what": "'/a' is no absolute http(s) address"}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    for name in ("URL", "API_KEY", "ADMIN_KEY"):
        monkeypatch.delenv(f"WIREROOM_{name}", raising=False)
    monkeypatch.setenv("WIREROOM_DATA_DIR", str(tmp_path / "data"))
    data_dir = DataDir(tmp_path / "data")
    data_dir.prepare()
    with recorder() as record:
        data_dir.leave(ADDRESS, record.url)
        data_dir.leave(KEY, "wr_key")
        yield record


def file(directory: Path, name: str, content: str | bytes) -> str:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_publish_posts_the_bytes_as_they_are(
    service: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = b'{ "id": "4711", "title": "\xc3\x89lan", "n": NaN }'
    service.answers["POST /v1/articles"] = (201, RECEIPT)
    assert run(["publish", file(tmp_path, "story.json", raw)]) == 0
    assert service.requests[0].body == raw
    assert service.requests[0].headers["content-type"] == "application/json"
    assert service.requests[0].headers["authorization"] == "Bearer wr_key"
    assert capsys.readouterr().out.endswith("story.json: accepted  id=4711  revision=1  event=e1\n")


def test_publish_shows_what_cleaning_changed(
    service: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers["POST /v1/articles"] = (201, {**RECEIPT, "warnings": {"control characters": 2}})
    assert run(["publish", file(tmp_path, "story.json", '{"id":"4711"}')]) == 0
    assert '  warnings: {"control characters": 2}' in capsys.readouterr().out


def test_one_refused_file_fails_the_command_and_the_others_are_published(
    service: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers["POST /v1/articles"] = [
        (201, RECEIPT),
        (422, REFUSAL),
        (409, {"detail": "other content"}),
        (200, RECEIPT),
    ]
    names = [file(tmp_path, f"{number}.json", "{}") for number in range(4)]
    assert run(["publish", str(tmp_path), names[0], names[1], names[2], "missing.json", names[3]]) == 1
    assert len(service.requests) == 4
    said = capsys.readouterr()
    assert said.out.count("accepted") == 2
    assert "a directory; name its files" in said.err
    assert "1.json: refused: 422 One fault.; /title: is missing" in said.err
    assert "2.json: refused: 409 other content" in said.err
    assert "missing.json: refused: No such file" in said.err
    assert "4 of 6 refused" in said.err


def test_a_batch_tells_each_line(service: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = [
        RECEIPT,
        {"status": "refused", "problem": REFUSAL},
        {**RECEIPT, "status": "conflict", "problem": {"status": 409, "detail": "taken"}},
    ]
    service.answers["POST /v1/articles"] = (200, {"items": items})
    assert run(["publish", "--json", file(tmp_path, "all.ndjson", '{"id":"1"}\n{"id":"2"}\n{"id":"3"}')]) == 1
    assert service.requests[0].headers["content-type"] == "application/x-ndjson"
    told = json.loads(capsys.readouterr().out)
    assert [Path(item["file"]).name for item in told] == ["all.ndjson:1", "all.ndjson:2", "all.ndjson:3"]
    assert [item["status"] for item in told] == ["accepted", "refused", "refused"]
    assert told[1]["why"] == "422 One fault.; /title: is missing"


def test_a_large_batch_travels_in_pieces_with_its_line_numbers(
    service: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.dumps({"id": "x" * 1_000_000})
    service.answers["POST /v1/articles"] = [(200, {"items": [RECEIPT] * 4}), (200, {"items": [RECEIPT] * 2})]
    assert run(["publish", "--json", file(tmp_path, "all.ndjson", "\n".join([line] * 6))]) == 0
    assert [request.body.count(b"\n") + 1 for request in service.requests] == [4, 2]
    assert json.loads(capsys.readouterr().out)[-1]["file"].endswith(":6")


def test_options_of_pages_are_refused_for_json(
    service: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = file(tmp_path, "story.json", "{}")
    assert run(["publish", story, "--url", "https://news.example/1", "--published-at", "2026-01-01T00:00:00Z"]) == 1
    assert "--url, --published-at: for pages only" in capsys.readouterr().err
    assert run(["publish", story, story, "--id", "1"]) == 2
    assert not service.requests


PAGE_TEXT = """La Gazette du Nord
Accueil > Actualités
Le pont rouvre après deux ans de travaux

Le pont rouvre après deux ans de travaux

Les premiers bus l’ont traversé à l’aube, sous les applaudissements de quelques « lève-tôt » venus de toute la ville.

La mairie promet que les travaux de la seconde rive commenceront au printemps, dès que le budget sera voté.
"""
PAGE_HTML = """<!DOCTYPE html><html lang="fr"><head><title>Le pont rouvre – La Gazette</title></head><body><article>
<h1>Le pont rouvre</h1><p>Les premiers bus l’ont traversé à l’aube, sous les applaudissements de la ville.</p></article>"""


@pytest.mark.parametrize(("name", "page"), [("page.txt", PAGE_TEXT), ("page.html", PAGE_HTML)])
def test_a_page_becomes_an_article_with_what_was_stated_and_nothing_invented(
    service: Recorder, tmp_path: Path, name: str, page: str
) -> None:
    service.answers["POST /v1/articles"] = (201, RECEIPT)
    saved = file(tmp_path, name, page)
    assert run(["publish", saved]) == 0
    assert run(["publish", saved]) == 0
    stated = ["--id", "pont", "--url", "https://gazette.example/pont", "--published-at", "2026-03-01T09:30:00+01:00"]
    assert run(["publish", saved, *stated]) == 0
    bare, again, told = (request.json for request in service.requests)
    assert bare == again
    assert bare["id"].startswith("urn:uuid:")
    assert not {"url", "published_at", "revision"} & bare.keys()
    assert bare["title"].startswith("Le pont rouvre")
    assert (told["id"], told["url"]) == ("pont", "https://gazette.example/pont")
    assert told["published_at"] == "2026-03-01T09:30:00+01:00"


def test_retract_says_why(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["DELETE /v1/articles/a%2F1"] = (200, {**RECEIPT, "id": "a/1", "revision": 2})
    assert run(["retract", "a/1", "--reason", "nom erroné", "--takedown", "--json"]) == 0
    assert service.requests[0].json == {"kind": "takedown", "reason": "nom erroné"}
    assert json.loads(capsys.readouterr().out)["revision"] == 2


STAGE = {"health": "ok", "depth": 2, "oldest_waiting_s": 3.0, "oldest_pending_s": None, "rate_per_s": None}
STATS: dict[str, Any] = {
    "accepted": 10, "done": 5, "waiting": 2, "held": 1, "dead": 2,
    "stages": {"enrich": STAGE},
    "deliveries": {"owed": 3, "done": 1, "waiting": 1, "held": 1, "dead": 0},
    "outbox": {"rows": 1, "oldest_age_s": 0.0},
    "dead_letters": [{"stage": "enrich", "cause": "poison", "count": 2}],
    "queue": "unix:///run/redis.sock",
    "alerts": [{"name": "stuck", "says": "nothing moves in enrich"}],
}  # fmt: skip


def test_status_shows_the_sum_and_every_stage(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["GET /v1/stats"] = (200, STATS)
    assert run(["status"]) == 0
    said = capsys.readouterr().out
    assert "events: 10 accepted = 5 done + 2 waiting + 1 held + 2 dead\n" in said
    assert "deliveries: 3 owed = 1 done + 1 waiting + 1 held + 0 dead\n" in said
    assert "redis-cli -s /run/redis.sock XADD article.inbox" in said
    assert ["enrich", "ok", "3.0", "s", "2", "–", "–"] in [line.split() for line in said.splitlines()]
    assert ["enrich", "poison", "2"] in [line.split() for line in said.splitlines()]
    assert "! nothing moves in enrich" in said
    assert "does not close" not in said


def test_status_says_when_the_sum_does_not_close(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["GET /v1/stats"] = (200, {**STATS, "accepted": 11})
    assert run(["status"]) == 0
    assert "does not close" in capsys.readouterr().out


def test_status_needs_no_more_than_the_contract_promises(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    bare = {name: STATS[name] for name in ("accepted", "done", "waiting", "held", "dead")}
    stage = {"depth": None, "oldest_waiting_s": None, "oldest_pending_s": None, "rate_per_s": None}
    service.answers["GET /v1/stats"] = (200, {**bare, "stages": {"enrich": stage}})
    assert run(["status"]) == 0
    assert ["enrich", "–", "–", "–", "–", "–"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_trace_is_a_timeline(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [{"at": "2026-03-01T12:00:00+00:00", "after_s": 0.0, "what": "publish", "says": "by http\x1b[2J"}]
    body = {"article_id": "a/1", "status": "published", "state": {"newest": 3}, "steps": steps}
    service.answers["GET /v1/articles/a%2F1/trace"] = (200, body)
    assert run(["trace", "a/1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("a/1  revision 3  published\n")
    assert said.rstrip().endswith("publish    by http�[2J")
    assert run(["trace", "other"]) == 1


def letter(number: int, stage: str = "enrich") -> dict[str, Any]:
    return {"id": number, "at": "2026-03-01T12:00:00+00:00", "stage": stage, "cause": "poison", "detail": "x"}


def test_dead_letters_are_listed_and_retried_by_filter(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["GET /v1/dead-letters"] = (200, {"items": [letter(1), letter(2)], "next": None})
    service.answers["POST /v1/dead-letters/1/retry"] = (200, {})
    service.answers["POST /v1/dead-letters/2/retry"] = (409, {"detail": "is closed"})
    assert run(["dead", "ls", "--stage", "enrich"]) == 0
    assert "stage=enrich" in service.requests[0].path
    assert run(["dead", "retry", "--cause", "poison"]) == 1
    said = capsys.readouterr()
    assert "1 retried" in said.out
    assert "2: is closed" in said.err


@pytest.mark.parametrize("argv", [[], ["1", "--all"], ["1", "--stage", "enrich"]])
def test_which_dead_letters_must_be_said_in_one_way(service: Recorder, argv: list[str]) -> None:
    assert run(["dead", "trash", *argv]) == 2
    assert not service.requests


def test_a_webhook_is_added_with_its_filter_and_its_secret_shown(
    service: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARTNER_SECRET", "whsec_abc")
    service.answers["POST /v1/webhooks"] = (201, {"id": "wh1", "state": "active", "secret": "whsec_abc"})
    argv = ["--section", "politique", "--section", "政治", "--language", "fr", "--thin", "--header", "X-Partner: 4711"]
    assert run(["webhooks", "add", "https://partner.example/n", *argv, "--secret-env", "PARTNER_SECRET"]) == 0
    assert service.requests[0].json == {
        "url": "https://partner.example/n",
        "filter": {"section": ["politique", "政治"], "language": ["fr"]},
        "format": "thin",
        "headers": {"X-Partner": "4711"},
        "secret": "whsec_abc",
    }
    assert "secret: whsec_abc" in capsys.readouterr().out


def test_a_webhook_takes_a_line_of_the_filter_language(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["POST /v1/webhooks"] = (201, {"id": "wh1", "state": "active"})
    add = ["webhooks", "add", "https://partner.example/n", "--filter"]
    assert run([*add, 'section:World lang:(fr OR en) -tag:sport "climate summit"']) == 0
    assert service.requests[0].json["filter"] == 'section:world language:(fr OR en) -tag:sport "climate summit"'
    assert run([*add, "tag:a sectoin:world"]) == 2
    assert "tag:a sectoin:world\n      ^\ncolumn 7: there is no field" in capsys.readouterr().err
    assert run([*add, "tag:a", "--section", "world"]) == 2
    service.answers["GET /v1/webhooks"] = (
        200,
        {"items": [{"id": "w", "state": "active", "url": "u", "filter": "-tag:a"}]},
    )
    assert run(["webhooks", "ls"]) == 0
    assert "-tag:a" in capsys.readouterr().out
    assert len(service.requests) == 2


def test_a_header_without_a_colon_and_an_empty_variable_are_usage_errors(service: Recorder) -> None:
    assert run(["webhooks", "add", "https://x.example", "--header", "nonsense"]) == 2
    assert run(["webhooks", "add", "https://x.example", "--secret-env", "NOT_SET_ANYWHERE"]) == 2
    assert not service.requests


@pytest.mark.parametrize(
    ("argv", "asked", "body"),
    [
        (["webhooks", "ls"], "GET /v1/webhooks", {"items": [{"id": "w", "state": "active", "url": "u", "filter": {}}]}),
        (["webhooks", "show", "w"], "GET /v1/webhooks/w", {"id": "w", "filter": {"tag": ["a"]}}),
        (["webhooks", "test", "w"], "POST /v1/webhooks/w/test", {"outcome": "ok", "status": 204}),
        (["webhooks", "rm", "w"], "DELETE /v1/webhooks/w", None),
        (["webhooks", "pause", "w"], "POST /v1/webhooks/w/pause", {"id": "w", "state": "paused"}),
        (["webhooks", "resume", "w"], "POST /v1/webhooks/w/resume", {"id": "w", "state": "active"}),
        (["webhooks", "replay", "d"], "POST /v1/deliveries/d/replay", {"id": "d2"}),
        (["subscribers", "add", "Radio Nord"], "POST /v1/subscribers", {"id": "s", "name": "Radio Nord"}),
        (["subscribers", "ls"], "GET /v1/subscribers", {"items": [{"id": "s", "name": "Radio Nord"}]}),
        (["keys", "create", "n", "--scope", "articles:write"], "POST /v1/keys", {"id": "k", "key": "wr_x"}),
        (["keys", "ls"], "GET /v1/keys", {"items": [{"id": "k", "name": "n", "scopes": ["admin"]}]}),
        (["keys", "revoke", "k"], "DELETE /v1/keys/k", None),
        (["feeds", "ls"], "GET /v1/feed-health", {"items": [HEALTH]}),
        (["feeds", "show", "section/été"], "GET /v1/feed-health/section/%C3%A9t%C3%A9", {**HEALTH, "faults": [FAULT]}),
        (["dead", "show", "7"], "GET /v1/dead-letters/7", {"id": 7, "raw": "\x1b"}),
    ],
)
def test_each_command_asks_the_api(
    service: Recorder, argv: list[str], asked: str, body: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers[asked] = (200 if body is not None else 204, body)
    assert run(argv) == 0
    assert f"{service.requests[0].method} {service.requests[0].path.partition('?')[0]}" == asked
    assert capsys.readouterr().out
    assert (
        run([*argv[:2], "nothing", *argv[3:]] if len(argv) > 2 and argv[1] not in {"add", "create"} else ["trace", "x"])
        == 1
    )


def test_feeds_tell_readers_silence_and_faults(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["GET /v1/feed-health"] = (200, {"items": [HEALTH], "next": None})
    assert run(["feeds", "ls"]) == 0
    [_, row] = capsys.readouterr().out.splitlines()
    assert row.split()[-6:] == ["75%", "1234", "2", "silent,", "1", "faults"]
    client = {
        "client": "Feedly",
        "requests": 2,
        "not_modified": 1,
        "unconditional": 0,
        "limited": 5,
        "bytes_sent": 1,
        "subscribers": 7,
    }
    shape = {
        "format": "rss",
        "size": 500,
        "requests": 4,
        "not_modified": 2,
        "limited": 5,
        "bytes_sent": 9,
        "checked_at": None,
        "faults": None,
    }
    whole = {**HEALTH, "faults": [FAULT], "clients": [client], "bad_clients": [client], "formats": [shape]}
    service.answers["GET /v1/feed-health/all"] = (200, whole)
    assert run(["feeds", "show", "all"]) == 0
    said = capsys.readouterr().out
    assert "every 2.0 h (twice its longest pause of late): SILENT" in said
    assert "programs that fetch too much" in said
    assert "'/a' is no absolute http(s) address" in said


def test_which_feeds_to_check_must_be_said_in_one_way(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["feeds", "check"]) == 2
    assert run(["feeds", "check", "all", "--all"]) == 2
    assert run(["feeds", "check", "--url", "https://news.example/feeds/all"]) == 2
    assert "does not end in a format" in capsys.readouterr().err


def test_a_failed_test_of_a_webhook_is_a_failed_command(service: Recorder) -> None:
    service.answers["POST /v1/webhooks/w/test"] = (200, {"outcome": "failed", "cause": "timeout"})
    assert run(["webhooks", "test", "w"]) == 1


def test_deliveries_show_their_last_attempt(service: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    attempts = [
        {"at": "2026-03-01T12:00:00+00:00", "status": 503},
        {"at": "2026-03-01T12:00:05+00:00", "cause": "timeout"},
    ]
    item = {"id": "d", "state": "waiting", "article_id": "1", "revision": 2, "cause": None, "attempts": attempts}
    service.answers["GET /v1/deliveries"] = (200, {"items": [item], "next": None})
    assert run(["webhooks", "deliveries", "w", "--state", "waiting"]) == 0
    assert service.requests[0].path == "/v1/deliveries?webhook=w&state=waiting&limit=50"
    [_, row] = capsys.readouterr().out.splitlines()
    assert row.split()[:5] == ["d", "waiting", "1", "2", "2"]
    assert row.endswith("timeout")


@pytest.mark.parametrize(
    "argv",
    [
        ["status"],
        ["dead", "ls"],
        ["webhooks", "ls"],
        ["keys", "ls"],
        ["feeds", "ls"],
        ["subscribers", "ls"],
        ["config"],
    ],
)
def test_json_is_one_document(service: Recorder, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["GET /v1/stats"] = (200, STATS)
    for path in ("dead-letters", "webhooks", "keys", "feed-health", "subscribers"):
        service.answers[f"GET /v1/{path}"] = (200, {"items": [], "next": None})
    assert run([*argv, "--json"]) == 0
    json.loads(capsys.readouterr().out)


def test_config_masks_secrets_and_names_each_source(
    service: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WIREROOM_ADMIN_KEY", "correct-horse-battery-staple-4711")
    monkeypatch.setenv("WIREROOM_DATABASE_URL", "postgresql://u:correct-horse@db/w")
    assert run(["config", "--json"]) == 0
    said = capsys.readouterr().out
    assert "correct-horse" not in said
    rows = {row["name"]: row for row in json.loads(said)}
    assert rows["WIREROOM_ADMIN_KEY"] == {
        "name": "WIREROOM_ADMIN_KEY",
        "value": "(set, hidden)",
        "source": "environment",
    }
    assert rows["WIREROOM_BIND"]["source"] == "default"
    assert not service.requests


def test_a_running_service_that_went_away_is_one_line_with_its_cure(
    service: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    with recorder() as gone:
        pass
    del service
    DataDir(Path(json.loads(_config(capsys))["WIREROOM_DATA_DIR"])).leave(ADDRESS, gone.url)
    assert run(["status"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "wireroom up" in said


def _config(capsys: pytest.CaptureFixture[str]) -> str:
    run(["config", "--json"])
    return json.dumps({row["name"]: row["value"] for row in json.loads(capsys.readouterr().out)})
