"""The article on its way through the steps. Frozen: a step returns a changed copy. Pure.

Each field is written by one step only (`Step.writes`), so a step that is off or fails leaves its fields
at their defaults and spoils nobody else's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.article import Article
from services.text.markup import Block

MAX_TEXT = 64 * 1024  # bytes of text that the steps of language read; a longer live blog is judged by its start


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is known so far. Text is plain unless its name says html."""

    article: Article

    # clean_text
    title: str = ""
    stated_summary: str = ""
    stated_text: str | None = None
    stated_html: str | None = None
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])

    # structure
    site: str | None = None
    section: str | None = None
    parts: tuple[Block, ...] | None = None  # None: no flat text, or the step is off
    removed: tuple[str, ...] = ()

    # render or html_prepass
    rendered_html: str | None = None
    prepared_html: str | None = None

    # sanitize
    body_html: str = ""
    blocks: tuple[Block, ...] = ()  # of body_html: what a reader sees
    text: str = ""  # the blocks but captions, at most MAX_TEXT

    # urls
    url: str | None = None
    url_key: str | None = None

    # language
    lang: str = "und"
    lang_p: float = 0.0
    script: str | None = None
    direction: str = "ltr"

    # counts
    words: int = 0
    chars_cjk: int = 0
    reading_minutes: int = 0

    # sentences
    sentences: tuple[tuple[str, ...], ...] = ()  # per paragraph

    # summary
    summary: str = ""
    summary_by: str = "publisher"

    # slug
    slug: str = ""

    # later steps, by name
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
