"""A small newsroom that never sleeps: invented stories in twelve languages.

Pure: the random source and the clock are arguments, so a run can be repeated.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from random import Random
from typing import Any, Literal, NamedTuple

Kind = Literal["publish", "correct", "retract", "duplicate", "embargo"]

LANGUAGES = 12
_WEIGHTS: dict[Kind, int] = {"publish": 14, "correct": 3, "duplicate": 2, "retract": 1, "embargo": 1}
_NOTES = {
    "fr": "Une version antérieure donnait un autre chiffre.",
    "de": "Eine frühere Fassung nannte eine andere Zahl.",
    "es": "Una versión anterior daba otra cifra.",
    "ar": "ذكرت نسخة سابقة رقمًا مختلفًا.",
    "ja": "以前の版では数字が異なっていました。",
    "zh": "较早的版本给出了不同的数字。",
    "ru": "В прежней версии было указано другое число.",
}


class Action(NamedTuple):
    """One thing the newsroom does. `article` is Article JSON; None for a retraction."""

    kind: Kind
    article_id: str
    article: dict[str, Any] | None


def stories() -> list[dict[str, Any]]:
    """Every story of our own writing, with `{n}` and `{m}` to be filled in."""
    loaded: list[dict[str, Any]] = json.loads(files("services.demo").joinpath("stories.json").read_text("utf-8"))
    return loaded


class Newsroom:
    """Writes, corrects and sometimes takes back. Remembers what it said, as newsrooms do."""

    def __init__(self, rng: Random, run: str) -> None:
        self._rng = rng
        self._run = run  # part of every id, so that two runs never share one
        self._stories = stories()
        self._out: list[dict[str, Any]] = []
        self._count = 0

    def opening(self, now: datetime) -> Iterator[Action]:
        """One story in each language, so that every feed has something to show at once."""
        for language in dict.fromkeys(story["language"] for story in self._stories):
            chosen = next(story for story in self._stories if story["language"] == language)
            yield Action("publish", f"{self._run}-{self._count + 1}", self._write(chosen, now))

    def next(self, now: datetime) -> Action:
        """Decide the next act: mostly news, now and then second thoughts."""
        kind: Kind = self._rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind in ("correct", "retract", "duplicate") and self._out:
            return self._revisit(kind, now)
        article = self._write(self._rng.choice(self._stories), now)
        if kind == "embargo":
            article["embargo_until"] = (now + timedelta(seconds=self._rng.randint(15, 40))).isoformat()
            self._out.remove(article)  # what nobody has seen needs no correction
        return Action("embargo" if kind == "embargo" else "publish", article["id"], article)

    def _revisit(self, kind: Kind, now: datetime) -> Action:
        article = self._rng.choice(self._out[-30:])
        if kind == "duplicate":
            return Action(kind, article["id"], article)
        self._out.remove(article)
        if kind == "retract":
            return Action(kind, article["id"], None)
        corrected = self._fill(article["extensions"]["story"], article["id"], now)
        corrected |= {
            "revision": article["revision"] + 1,
            "published_at": article["published_at"],
            "updated_at": now.isoformat(),
            "correction_note": _NOTES.get(article["language"], "An earlier version gave another figure."),
        }
        self._out.append(corrected)
        return Action(kind, corrected["id"], corrected)

    def _write(self, story: dict[str, Any], now: datetime) -> dict[str, Any]:
        self._count += 1
        article = self._fill(self._stories.index(story), f"{self._run}-{self._count}", now)
        self._out.append(article)
        return article

    def _fill(self, index: int, article_id: str, now: datetime) -> dict[str, Any]:
        story = self._stories[index]
        numbers = {"n": self._rng.randint(3, 97), "m": self._rng.randint(12, 480)}
        return {
            "id": article_id,
            "revision": 1,
            "url": f"https://newsroom.example/{story['language']}/{article_id}",
            "title": story["title"].format(**numbers),
            "content_html": "".join(f"<p>{p.format(**numbers)}</p>" for p in story["body"]),
            "language": story["language"],
            "authors": [{"name": story["author"]}],
            "sections": [story["section"]],
            "tags": story["tags"],
            "source": {"name": story["source"]},
            "published_at": now.isoformat(),
            "extensions": {"story": index},
        }
