"""What the enrich stage says about one revision of an article."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class StepRun(BaseModel):
    """One step's record: its version, milliseconds of CPU, and why it was skipped (None: it ran)."""

    model_config = ConfigDict(frozen=True)
    v: int
    ms: float
    skipped: str | None = None


class Enrichment(BaseModel):
    """The clean, described article that formats and webhooks carry.

    Text is NFC and XML-safe; `body_html` passed the sanitiser last; URLs in it are absolute. `summary`
    is plain text. `lang` is BCP 47 ("und" when unknown), `script` ISO 15924, `direction` ltr or rtl.
    Nothing is invented: a field nobody stated and no step found is None or empty.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    title: str
    body_html: str = ""
    summary: str = ""
    summary_by: str = "publisher"  # or the step that wrote it ("lead")
    site: str | None = None
    sections: tuple[str, ...] = ()
    lang: str = "und"
    lang_p: float = 0.0  # probability, 0 to 1; 1 when declared and not contradicted
    script: str | None = None
    direction: str = "ltr"
    words: int = 0
    chars_cjk: int = 0
    reading_minutes: int = 0
    sentences: int = 0
    slug: str = ""
    url: str | None = None  # to publish: tracking parameters gone, order kept
    url_key: str | None = None  # to compare
    removed: tuple[str, ...] = ()  # navigation and repeated headlines that `structure` dropped
    dropped_chars: int = 0  # forbidden characters that clean_text took out
    facts: dict[str, Any] = Field(default_factory=dict)  # further steps, by name
    steps: dict[str, StepRun] = Field(default_factory=dict)
