import pytest

from services.text.addresses import absolute, comparable, publishable, srcset

BASE = "https://news.example/2026/story"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("HTTP://User:pw@Example.COM:80/a/./b/../c d?x=1#top", "http://example.com/a/c%20d?x=1"),
        ("https://ex.example:8443/%7Eann/é?q=ü&amp;b=1", "https://ex.example:8443/~ann/%C3%A9?q=%C3%BC&b=1"),
        ("https://ex.example/?article=12&utm_source=x&fbclid=y&b=2", "https://ex.example/?article=12&b=2"),
        ("https://ex.example/?ref=rss&from=Paris&source=twitter&src=4", "https://ex.example/?from=Paris&src=4"),
        ("https://ex.example/app#!/story/4", "https://ex.example/app#!/story/4"),
        ("http://münchen.example/straße", "http://xn--mnchen-3ya.example/stra%C3%9Fe"),
        ("https://ex.example/?a=1&copy=2", "https://ex.example/?a=1&copy=2"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("../other?id=3", "https://news.example/other?id=3"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_an_address_to_publish(link: str, url: str) -> None:
    assert publishable(link, BASE) == url
    assert publishable(url) == url, "a second time changes nothing"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "JaVaScRiPt&colon;alert(1)",
        "data:text/html,x",
        "mailto:a@b.example",
        "http://",
        "http://a b.example/",
        "http://ex.example:99999/",
        "https://ex.example\\@evil.example/",
        "http://ex.example/" + "a" * 5_000,
    ],
)
def test_what_is_no_web_address_is_none(link: str) -> None:
    assert publishable(link) is None


def test_a_relative_address_needs_a_base() -> None:
    assert publishable("/story") is None
    assert absolute("pic.jpg", BASE) == "https://news.example/2026/pic.jpg"


def test_a_picture_keeps_its_parameters() -> None:
    assert absolute("https://i.example/p.jpg?utm_source=x&w=3") == "https://i.example/p.jpg?utm_source=x&w=3"


@pytest.mark.parametrize(
    "same",
    [
        "http://www.ex.example/story?b=2&a=1",
        "https://m.ex.example/story/?a=1&b=2",
        "https://ex.example/amp/story/index.html?a=1&b=2",
    ],
)
def test_one_story_has_one_key(same: str) -> None:
    assert comparable(same) == "ex.example/story?a=1&b=2"


def test_different_stories_have_different_keys() -> None:
    assert comparable("https://ex.example/?article=12") != comparable("https://ex.example/?article=13")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("javascript:alert(1) 1x, /a.jpg 2x", "https://news.example/a.jpg 2x"),
        (
            "https://i.example/a,b.jpg 100w,https://i.example/c.jpg 200w",
            "https://i.example/a,b.jpg 100w, https://i.example/c.jpg 200w",
        ),
        ("javascript:alert(1)", None),
        ("a.jpg evil", None),
    ],
)
def test_every_candidate_of_a_srcset_is_judged(given: str, kept: str | None) -> None:
    assert srcset(given, BASE) == kept
