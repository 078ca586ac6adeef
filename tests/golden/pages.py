"""Flat pages of our own writing, in twelve languages, and what enrichment makes of them."""

import json
from pathlib import Path
from typing import Any

from schemas.article import Article
from services.enrich.core import enrich_article
from services.ingest.formats.page import read_page_text

HERE = Path(__file__).parent / "pages"
LANGUAGES = tuple(sorted(path.stem for path in HERE.glob("*.txt")))


def text(lang: str) -> str:
    return (HERE / f"{lang}.txt").read_text("utf-8")


def article(page: str) -> Article:
    return Article.model_validate(read_page_text(page))


def described(page: str) -> dict[str, Any]:
    """What is known of a page, without the milliseconds."""
    made = enrich_article(article(page), timer=lambda: 0.0)
    return made.model_dump(mode="json", exclude={"steps"}, exclude_defaults=True)


def expected() -> dict[Path, bytes]:
    return {
        HERE / f"{lang}.json": json.dumps(described(text(lang)), ensure_ascii=False, indent=1).encode() + b"\n"
        for lang in LANGUAGES
    }


def rewrite() -> int:
    for path, data in expected().items():
        path.write_bytes(data)
    return len(LANGUAGES)
