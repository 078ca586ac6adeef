"""Entries whose documents are pinned, format by format."""

from datetime import UTC, datetime, timedelta

from schemas.article import Author, Enclosure, Image, Source
from schemas.feed import Category, Entry, FeedHead, FeedLink

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
MIXED = ARABIC.model_copy(
    update={
        "id": "urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-444444444444",
        "title": "NASA تعود إلى القمر",
        "correction_note": None,
        "enclosures": (
            Enclosure(url=f"{BASE}/v.mp4", type="video/mp4"),
            Enclosure(url=f"{BASE}/a.ogg", type="audio/ogg"),
        ),
    }
)
HOSTILE = Entry(
    id="urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-555555555555",
    article_id="fil-5",
    revision=9,
    title="]]> &lt; \x00\x1b<i>\x93tricky\x94</i> \u202eback\u202c \ufffe\U0001f5de",
    url=f"{BASE}/a?b=%3Cc%3E&d='e'",
    summary="One\r\ntwo </p> &nbsp; \x85 three",
    content_html="<p>a &amp;lt; b ]]&gt; \x00\x92 <code>&lt;![CDATA[x]]&gt;</code></p>\r\n",
    lang="en-GB",
    authors=(Author(name='A "quoted" <name> & co.'),),
    categories=(Category(term="a-b", label='<a> & "b"', scheme=f"{BASE}/feeds/tag"),),
    published=PUBLISHED,
    updated=PUBLISHED,
    rights="\x00© <me>",
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
            publisher="Le Fil",
        ),
    ),
    "picture_only": (STORY.model_copy(update={"enclosures": (), "source": None, "authors": ()}),),
    "withdrawn": (STORY.model_copy(update={"state": "withdrawn", "reason": "The figures were wrong.", **GONE}),),
    "withdrawn_right_to_left": (ARABIC.model_copy(update={"state": "withdrawn", **GONE}),),
    "takedown": (STORY.model_copy(update={"state": "takedown", "reason": "Court order.", **GONE}),),
    "directions_mix": (MIXED,),
    "hostile_text": (HOSTILE,),
    "expired_beside_a_story": (ARABIC.model_copy(update={"state": "expired", **GONE}), STORY),
}


def heads(extension: str) -> dict[str, FeedHead]:
    """Documents whose heads say more; `extension` is the format's."""
    at = f"{BASE}/feeds/section/actualites"
    archive = f"{at}/archive/1"
    return {
        "archive": head(
            extension,
            self_url=f"{archive}/26-50.{extension}",
            archive=True,
            links=(
                FeedLink("prev-archive", f"{archive}/1-25.{extension}"),
                FeedLink("next-archive", f"{archive}/51-75.{extension}"),
                FeedLink("current", f"{at}.{extension}"),
            ),
        ),
        "page_of_a_search": head(
            extension,
            self_url=f"{at}/page/x.{extension}",
            links=(
                FeedLink("first", f"{at}.{extension}"),
                FeedLink("previous", f"{at}/page/w.{extension}"),
                FeedLink("next", f"{at}/page/y.{extension}"),
            ),
        ),
        "complete_and_over": head(extension, complete=True, expired=True),
        "right_to_left": head(extension, lang="ar", title="الأخبار & <المزيد>", description="آخر الأخبار"),
        "hubs_and_a_picture": head(
            extension,
            hub_urls=("https://hub.example/?a=1&b=2", "https://other-hub.example/"),
            icon_url=f"{BASE}/icon.png",
            rights="© Le Fil",
            ttl_minutes=90,
        ),
    }
