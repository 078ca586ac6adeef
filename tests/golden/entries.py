"""Entries whose documents are pinned, format by format."""

from datetime import UTC, datetime, timedelta

from schemas.article import Author, Enclosure, Image, Source
from schemas.feed import Category, Entry, FeedHead

PUBLISHED = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
LATER = PUBLISHED + timedelta(hours=2, microseconds=700)
BASE = "https://news.example"


def head(extension: str, updated: datetime = PUBLISHED, **more: object) -> FeedHead:
    return FeedHead.model_validate(
        {
            "name": "section/actualites",
            "id": "urn:uuid:0d9f3a5e-6c1b-5c5e-9d3c-5d3f5b1f0a11",
            "title": "Le Fil: Actualités",
            "description": "Actualités: the latest from Le Fil.",
            "publisher": "Le Fil",
            "home_url": f"{BASE}/feeds/section/actualites",
            "self_url": f"{BASE}/feeds/section/actualites.{extension}",
            "updated": updated,
            **more,
        }
    )


STORY = Entry(
    id="urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-111111111111",
    article_id="fil-1",
    revision=1,
    title="L’été s’achève : « c’était long » & <b>sec</b>",
    url=f"{BASE}/a/ete?x=1&y=2",
    summary="Un été long & sec ; voir <b>ici</b>.",
    content_html='<p>Il a fait chaud &amp; sec. <a href="https://news.example/b">Lire</a> ]]&gt; xmlns:content="x"</p>',
    lang="fr",
    authors=(Author(name="Zoé Nguyễn", url=f"{BASE}/zoe", email="zoe@news.example"), Author(name="Desk")),
    categories=(
        Category(term="actualites", label="Actualités", scheme=f"{BASE}/feeds/section"),
        Category(term="meteo", label="Météo", scheme=f"{BASE}/feeds/tag"),
    ),
    source=Source(name="Agence", url="https://agence.example/"),
    published=PUBLISHED,
    updated=LATER,
    images=(
        Image(url=f"{BASE}/i/1.jpg", width=1200, height=800, alt='Un champ "sec"', credit="A. Photo"),
        Image(url=f"{BASE}/i/2"),
    ),
    enclosures=(Enclosure(url=f"{BASE}/a.mp3", type="audio/mpeg", length=12_345, duration=61.5),),
    rights="© Le Fil",
    words=9,
    reading_minutes=1,
    urgency=3,
    publisher="Le Fil",
)
ARABIC = Entry(
    id="urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-222222222222",
    article_id="fil-2",
    revision=2,
    title="عنوان الخبر",
    url=f"{BASE}/a/%D8%AE",
    summary="ملخص",
    content_html="<p>نص الخبر</p>",
    lang="ar",
    direction="rtl",
    published=PUBLISHED,
    updated=LATER,
    correction_note="كان الرقم <خطأ>",
    publisher="Le Fil",
)
GONE = {"gone_at": LATER, "images": (), "enclosures": (), "content_html": "", "summary": ""}

CASES: dict[str, tuple[Entry, ...]] = {
    "empty": (),
    "story": (STORY,),
    "right_to_left_and_corrected": (ARABIC,),
    "bare_headline": (
        Entry(
            id="tag:news.example,2026:x",
            article_id="x",
            revision=1,
            title="Flash",
            published=PUBLISHED,
            updated=PUBLISHED,
        ),
    ),
    "picture_only": (STORY.model_copy(update={"enclosures": (), "source": None, "authors": ()}),),
    "withdrawn": (STORY.model_copy(update={"state": "withdrawn", "reason": "The figures were wrong.", **GONE}),),
    "withdrawn_right_to_left": (ARABIC.model_copy(update={"state": "withdrawn", **GONE}),),
    "takedown": (STORY.model_copy(update={"state": "takedown", "reason": "Court order.", **GONE}),),
    "expired_beside_a_story": (ARABIC.model_copy(update={"state": "expired", **GONE}), STORY),
}
