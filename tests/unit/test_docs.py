"""Whoever reads the documents finds every command, setting, metric and alert in them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main

from schemas.feed_health import FeedSums
from schemas.records import DeadCount, OutboxStats, Stats
from services.cli.app import app
from services.observe.alerts import RULES
from services.observe.core import Disk, Group, Reading, Server
from services.observe.metrics import Metrics
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = "\n".join(path.read_text("utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, child in getattr(command, "commands", {}).items():
        if not hasattr(child, "commands"):
            yield " ".join((*path, name))
        yield from _commands(child, (*path, name))


def _metrics() -> set[str]:
    reading = Reading(
        NOW,
        Stats(at=NOW, dead_letters=(DeadCount(stage="enrich", cause="poison", count=1, newest_at=NOW),)),
        (Group("s", "g", 1, 1, 1.0, 1.0, 1),),
        Server(reachable=True, memory_ratio=0.5, writes_ok=True, replica_link_up=True),
        feeds=FeedSums(),
    )
    lines = Metrics("1", lambda: reading).render().decode().splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE")}


@pytest.mark.parametrize("command", sorted(_commands(typer.main.get_command(app))))
def test_every_command_is_documented(command: str) -> None:
    assert f"wireroom {command}" in DOCS or f"`{command} " in DOCS or f"`{command}`" in DOCS


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"WIREROOM_{name.upper()}" in DOCS


@pytest.mark.parametrize("name", sorted(_metrics()))
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCS or name.startswith("wireroom_process_")


def test_every_alert_is_documented() -> None:
    everything = Reading(
        NOW,
        Stats(at=NOW, accepted=1, outbox=OutboxStats(rows=1, unadded=1, oldest_at=NOW - timedelta(hours=1))),
        (Group("article.inbox", "ingest", consumers=0), Group("article.accepted", "enrich", oldest_pending_s=999.0)),
        Server(reachable=False, memory_ratio=1.0, writes_ok=False, replica_link_up=False),
        Disk(0, 100),
        feeds=FeedSums(silent=1, faulty=1),
    )
    nothing = Reading(NOW, None)
    named = {alert.name for rule in RULES for reading in (everything, nothing) if (alert := rule(reading))}
    assert len(named) == len(RULES)
    for name in named:
        assert f"| {name} |" in DOCS
