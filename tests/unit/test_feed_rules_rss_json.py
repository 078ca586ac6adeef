"""Rules 25–30 and 39 of docs/feed-rules.md: RSS 2.0 with its Profile, JSON Feed 1.1, stubs."""

import json
from datetime import timedelta

import pytest

from schemas.article import Author, Enclosure, Image
from schemas.feed import FeedLink
from services.syndicate.formats import FORMATS, FRAGMENTS
from services.syndicate.formats.content import full_html
from services.syndicate.render import render
from tests.golden.entries import ARABIC, BASE, CASES, PUBLISHED, STORY, head
from tests.rendered import ATOM, CONTENT, DC, MEDIA, atom_entry, document, json_feed, json_item, parsed, rss_item, xml

SY = "{http://purl.org/rss/1.0/modules/syndication/}"


def test_rule_25_a_channel_has_title_page_description_self_and_language() -> None:
    channel = xml("rss", lang="en-GB").find("channel")
    feed = head("rss")
    assert [channel.findtext(name) for name in ("title", "link", "description")] == [
        feed.title,
        feed.home_url,
        feed.description,
    ]
    (own,) = [one for one in channel.findall(f"{ATOM}link") if one.get("rel") == "self"]
    assert (own.get("href"), own.get("type")) == (feed.self_url, "application/rss+xml")
    assert channel.findtext("language") == "en-GB"
    assert xml("rss", description="").findtext("channel/description") == feed.title


def test_rule_26_the_summary_stands_before_the_full_text() -> None:
    names = [node.tag for node in rss_item(STORY)]
    assert names.index("description") < names.index(f"{CONTENT}encoded")
    assert f"{CONTENT}encoded" not in [node.tag for node in rss_item(STORY, "summary")]


def test_rule_27_one_enclosure_every_picture_as_media_and_the_lead_in_the_body() -> None:
    picture = STORY.model_copy(update={"enclosures": ()})
    lead = STORY.images[0]
    for body in ("full", "summary"):
        item = rss_item(picture, body)
        (enclosure,) = item.findall("enclosure")
        assert dict(enclosure.attrib) == {"url": lead.url, "length": "0", "type": "image/jpeg"}
        assert [one.get("url") for one in item.findall(f"{MEDIA}content")] == [one.url for one in STORY.images]
        shown = item.findtext(f"{CONTENT}encoded") or item.findtext("description")
        assert shown.count(f'<img src="{lead.url}" alt="Un champ &quot;sec&quot;" width="1200" height="800">') == 1
    assert f'<img src="{lead.url}"' in atom_entry(picture).findtext(f"{ATOM}content")
    assert json_item(picture)["image"] == lead.url


def test_rule_27_recordings_come_first_and_all_of_them_as_media() -> None:
    recordings = (
        Enclosure(url=f"{BASE}/v.mp4", type="video/mp4", length=9, duration=3),
        Enclosure(url=f"{BASE}/a.mp3", type="audio/mpeg"),
    )
    item = rss_item(STORY.model_copy(update={"enclosures": recordings}))
    (enclosure,) = item.findall("enclosure")
    assert dict(enclosure.attrib) == {"url": f"{BASE}/v.mp4", "length": "9", "type": "video/mp4"}
    media = [(one.get("url"), one.get("medium")) for one in item.findall(f"{MEDIA}content")]
    assert media[-2:] == [(f"{BASE}/v.mp4", "video"), (f"{BASE}/a.mp3", "audio")]
    assert len(json_item(STORY.model_copy(update={"enclosures": recordings}))["attachments"]) == 2


def test_rule_27_a_picture_that_the_body_shows_is_not_put_there_again() -> None:
    shown = STORY.model_copy(update={"content_html": f'<p><img src="{STORY.images[0].url}" alt=""></p>'})
    assert full_html(shown).count("<img") == 1
    linked = STORY.model_copy(update={"content_html": f'<p><a href="{STORY.images[0].url}">x</a></p>'})
    assert full_html(linked).count("<img") == 1


def test_rule_28_people_are_dc_creators_and_a_date_is_said_once() -> None:
    item = rss_item(STORY.model_copy(update={"authors": (Author(name="A", email="a@x.example"), Author(name="B"))}))
    assert [one.text for one in item.findall(f"{DC}creator")] == ["A", "B"]
    assert item.find("author") is None
    assert len(item.findall("pubDate")) == 1
    assert item.find(f"{DC}date") is None
    assert xml("rss", STORY).find(f"channel/{DC}date") is None


@pytest.mark.parametrize(
    ("minutes", "period", "often"),
    [(1, "hourly", "60"), (5, "hourly", "12"), (90, "daily", "16"), (2_880, "weekly", "3")],
)
def test_rule_29_ttl_is_in_whole_minutes_and_the_pace_agrees(minutes: int, period: str, often: str) -> None:
    channel = xml("rss", ttl_minutes=minutes).find("channel")
    assert channel.findtext("ttl") == str(minutes)
    assert (channel.findtext(f"{SY}updatePeriod"), channel.findtext(f"{SY}updateFrequency")) == (period, often)


def test_rule_30_json_feed_1_1() -> None:
    feed = json_feed(STORY, ARABIC, hub_urls=("https://hub.example/",), expired=True)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert FORMATS["json"].media_type == "application/feed+json"
    assert (feed["feed_url"], feed["home_page_url"]) == (head("json").self_url, head("json").home_url)
    assert feed["hubs"] == [{"type": "WebSub", "url": "https://hub.example/"}]
    assert feed["expired"] is True
    assert "expired" not in json_feed(STORY)
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert "content_html" in item or "content_text" in item
    known = {"id", "url", "title", "content_html", "content_text", "summary", "image", "authors", "tags", "attachments"}
    known |= {
        "_wireroom",
        "date_published",
        "date_modified",
        "language",
        "version",
        "items",
        "home_page_url",
        "feed_url",
    }
    known |= {"description", "icon", "hubs", "expired", "next_url"}
    stack = [feed]
    while stack:
        one = stack.pop()
        assert not [key for key in one if "." in key]
        assert "author" not in one
        stack += list(one.get("items", []))
        assert set(one) <= known


def test_rule_30_durations_are_whole_seconds() -> None:
    """A number, says JSON Feed; readers that are strict about it want a whole one."""
    story = STORY.model_copy(
        update={"enclosures": tuple(Enclosure(url=f"{BASE}/{n}", type="audio/mpeg", duration=n) for n in (61.5, 0.4))}
    )
    assert [one.get("duration_in_seconds") for one in json_item(story)["attachments"]] == [61, None]


def test_rule_30_next_url_leads_to_older_entries_and_never_in_circles() -> None:
    older = f"{BASE}/feeds/all/archive/1/1-25.json"
    assert json_feed(links=(FeedLink("prev-archive", older), FeedLink("current", f"{BASE}/c")))["next_url"] == older
    assert json_feed(links=(FeedLink("next", older), FeedLink("previous", f"{BASE}/p")))["next_url"] == older
    assert "next_url" not in json_feed(links=(FeedLink("next-archive", older),))
    assert "next_url" not in json_feed(links=(FeedLink("next", head("json").self_url),))


SECRETS = ("été", "sec", "Zoé", "/a/ete", "Météo", ".mp3", "chaud", "/i/1.jpg")


@pytest.mark.parametrize("name", FRAGMENTS)
def test_rule_39_a_takedown_is_a_stub_without_headline_address_or_text(name: str) -> None:
    gone = STORY.model_copy(update={"state": "takedown", "reason": "Court order.", "gone_at": STORY.updated})
    text = (FRAGMENTS[name](gone) or b"").decode()
    assert STORY.id in text
    assert "Court order." in text
    assert not [word for word in SECRETS if word in text]


def test_rule_39_a_retracted_item_stays_as_a_stub_with_prefix_and_reason() -> None:
    gone = STORY.model_copy(update={"state": "withdrawn", "reason": "Wrong <b>.", "gone_at": STORY.updated})
    for body in ("full", "summary"):
        item, said = rss_item(gone, body), json_item(gone, body)
        assert item.findtext("title") == said["title"] == f"Retracted: {STORY.title}"
        assert item.findtext("guid") == said["id"] == STORY.id
        assert (item.findtext("description"), said["content_text"]) == ("Wrong &lt;b&gt;.", "Wrong <b>.")
        assert item.find(f"{CONTENT}encoded") is None
        assert "content_html" not in said
        assert item.find("enclosure") is None
    assert json_item(gone)["_wireroom"]["state"] == "retracted"


def test_rule_39_news_formats_cancel_what_is_taken_back_and_withhold_what_expired() -> None:
    for state, status in (("withdrawn", "canceled"), ("takedown", "canceled"), ("expired", "withheld")):
        gone = STORY.model_copy(update={"state": state, "gone_at": PUBLISHED + timedelta(hours=9)})
        item = json.loads(document("ninjs", [gone]))["associations"][0]
        assert (item["pubstatus"], item["version"]) == (status, "2")  # later than the version it replaces
        assert "bodies" not in item
        assert f'<pubStatus qcode="stat:{status}"/>'.encode() in document("newsml", [gone])
        line = json.loads(document("ndjson", [gone]))
        assert line["state"] == ("expired" if state == "expired" else "retracted")


def test_rule_39_nothing_of_an_expired_story_stays_in_rss_and_json() -> None:
    expired = STORY.model_copy(update={"state": "expired", "gone_at": STORY.updated})
    made = render([expired])[0].fragments
    assert not [name for name in made if name.startswith(("rss", "json"))]
    for fragment in made.values():
        assert not [word for word in SECRETS if word.encode() in fragment]


def test_a_channels_image_is_of_a_kind_that_rss_knows() -> None:
    channel = xml("rss", icon_url=f"{BASE}/i.png").find("channel")
    assert [channel.findtext(f"image/{name}") for name in ("url", "title", "link")] == [
        f"{BASE}/i.png",
        channel.findtext("title"),
        channel.findtext("link"),
    ]
    assert xml("rss", icon_url=f"{BASE}/i.svg").find("channel/image") is None
    assert parsed(document("atom", [], icon_url=f"{BASE}/i.svg")).findtext(f"{ATOM}icon") == f"{BASE}/i.svg"


def test_a_picture_of_unknown_type_is_no_enclosure() -> None:
    assert (
        rss_item(CASES["picture_only"][0].model_copy(update={"images": (Image(url=f"{BASE}/x"),)})).find("enclosure")
        is None
    )
