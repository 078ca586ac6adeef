import time

import pytest
from selectolax.lexbor import LexborHTMLParser

from schemas.article import Article
from services.enrich.core import enrich_article
from services.enrich.steps.sanitize import sanitized

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate attributeName=href values=javascript:alert(1) /></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVa\tScRiPt:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="java&#0;script:alert(1)">x</a>',
    '<a href="java&#x200b;script:alert(1)">x</a>',
    '<a href="\x01javascript:alert(1)">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<img srcset="javascript:alert(1) 1x, https://i.example/a.jpg 2x">',
    '<img src="https://i.example/a.jpg" srcset="data:image/svg+xml,<svg/onload=alert(1)> 1x">',
    '<video poster="javascript:alert(1)" src="https://v.example/a.mp4"></video>',
    '<iframe src="https://evil.example/"></iframe>',
    '<iframe src="https://evil.example/"><p>inside</p><script>alert(1)</script></iframe>',
    '<iframe src="https://www.youtube.com/embed/x"><script>alert(1)</script></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><input type=submit><button formaction=javascript:alert(1)>x</button></form>",
    '<p style="background:url(javascript:alert(1))" class="x" id="y">x</p>',
    "<style>@import 'javascript:alert(1)';</style>",
    '<link rel=stylesheet href="javascript:alert(1)"><meta http-equiv=refresh content="0;url=javascript:alert(1)">',
    "<base href=javascript:alert(1)//>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
    "<details ontoggle=alert(1) open>x</details>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<!--><script>alert(1)</script-->",
    '<blockquote cite="javascript:alert(1)">x</blockquote>',
    "<textarea><script>alert(1)</script></textarea>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<p>\u0338</p><b\u0338 onclick=alert(1)>",
]
URLS = ("href", "src", "srcset", "poster", "cite", "action", "formaction", "data")


def assert_harmless(html: str) -> None:
    tree = LexborHTMLParser(html)
    assert tree.body is not None
    for node in tree.body.css("*"):
        assert node.tag not in {
            "script",
            "style",
            "svg",
            "math",
            "form",
            "object",
            "embed",
            "link",
            "meta",
            "base",
            "input",
        }
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            assert name not in {"style", "class", "id", "srcdoc", "action", "formaction", "data"}
            if name in URLS:
                assert (value or "").startswith(("http://", "https://", "mailto:", "tel:"))


@pytest.mark.parametrize("html", ATTACKS)
@pytest.mark.parametrize("off", [frozenset[str](), frozenset({"html_prepass"})], ids=["whole chain", "no prepass"])
def test_no_attack_passes(html: str, off: frozenset[str]) -> None:
    made = enrich_article(Article(id="a", title="T", content_html=f"<p>before</p>{html}"), off=off, timer=lambda: 0.0)
    assert_harmless(made.body_html)
    assert "before" in made.body_html
    assert sanitized(made.body_html) == made.body_html


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_as_text_stays_text(text: str) -> None:
    made = enrich_article(
        Article(id="a", title=text, content_text=f"Before it.\n\n{text}\n\nAfter it."), timer=lambda: 0.0
    )
    assert_harmless(made.body_html)


def test_all_attacks_and_20000_nested_elements_take_less_than_50_ms() -> None:
    article = Article(id="a", title="T", content_html="".join(ATTACKS))
    deep = Article(id="b", title="T", content_html="<div>" * 20_000 + "the words stay")
    made = enrich_article(article, timer=lambda: 0.0)
    taken: list[float] = []
    for _ in range(3):  # the best of three: other processes share these cores
        begun = time.thread_time()
        enrich_article(article, timer=lambda: 0.0)
        made = enrich_article(deep, timer=lambda: 0.0)
        taken.append(time.thread_time() - begun)
    assert min(taken) < 0.05
    assert made.body_html == "<p>the words stay</p>"


def test_what_newsrooms_use_stays() -> None:
    html = (
        '<h2>Head</h2><p dir="rtl" lang="ar">x <a href="https://n.example/a" rel="noopener noreferrer">y</a></p>'
        '<figure><img src="https://i.example/a.jpg" alt="A" width="3" height="2"><figcaption>c</figcaption></figure>'
        '<table><tbody><tr><td colspan="2">1</td></tr></tbody></table><ul><li>x</li></ul>'
        '<iframe src="https://www.youtube-nocookie.com/embed/x"></iframe>'
    )
    assert sanitized(html) == html


def body(html: str, url: str | None = "https://n.example/s/1") -> str:
    return enrich_article(Article(id="a", title="T", content_html=html, url=url), timer=lambda: 0.0).body_html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        (
            '<a href="../x?utm_source=y&amp;id=3">x</a>',
            '<a href="https://n.example/x?id=3" rel="noopener noreferrer">x</a>',
        ),
        ('<a href="#note" hreflang="en">x</a>', '<a hreflang="en">x</a>'),
        ('<img src="/p.jpg?w=3">', '<img src="https://n.example/p.jpg?w=3">'),
        ('<img src="spacer.gif" data-src="/p.jpg">', '<img src="https://n.example/p.jpg">'),
        ('<img src="/p.jpg" width="1" height="1">x', "x"),
        ('<img src="https://pixel.wp.com/g.gif">x', "x"),
        ('<p style="display: none">x</p>y', "y"),
        (
            '<img srcset="/a.jpg 1x, javascript:x 2x" src="/a.jpg">',
            '<img srcset="https://n.example/a.jpg 1x" src="https://n.example/a.jpg">',
        ),
        ('<a href="mailto:desk@n.example">x</a>', '<a href="mailto:desk@n.example" rel="noopener noreferrer">x</a>'),
        ("<p>a<p>b<b>c", "<p>a</p><p>b<b>c</b></p>"),
    ],
)
def test_links_and_pictures_are_prepared(html: str, clean: str) -> None:
    assert body(html) == clean


def test_without_an_address_nothing_relative_stays() -> None:
    assert body('<a href="/x">x</a><img src="/p.jpg">', url=None) == "<a>x</a>"


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ('<p>a<img src="data:image/png;base64,AA" alt="b"></p>', "<p>a</p>"),
        (
            '<video controls><source src="ftp://x/v.mp4"><source src="/v.mp4"></video>',
            '<video controls=""><source src="https://n.example/v.mp4"></video>',
        ),
        (
            '<img src="/p.jpg" alt="" width="600px" height="auto">',
            '<img src="https://n.example/p.jpg" alt="" width="600">',
        ),
        ('<img src="/p.jpg" alt="&lt;img&gt;">', '<img src="https://n.example/p.jpg" alt="&lt;img&gt;">'),
        ('<table><tr><td colspan="0" rowspan="2">x</td></tr></table>', '<td rowspan="2">x</td>'),
        ('<ol start="x"><li value="-3">x</li></ol>', '<ol><li value="-3">x</li></ol>'),
        ('<p dir="sideways">x</p><p dir="rtl">y</p>', '<p>x</p><p dir="rtl">y</p>'),
    ],
)
def test_a_body_has_no_attribute_and_no_element_that_html_does_not_allow_so(html: str, clean: str) -> None:
    """Validators of HTML found these. What an address was taken from shows nothing."""
    assert clean in body(html)
    assert "<img>" not in body(html)


def test_a_character_reference_smuggles_nothing_in() -> None:
    assert body("<p>a&#1;b&#x202e;c&#xfffe;d&#xd800;</p>") == "<p>abcd\ufffd</p>"
