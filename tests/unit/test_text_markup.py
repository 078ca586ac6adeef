import time

import pytest

from services.text.markup import Block, blocks_of, depth, oversize, to_html, without_markup


def test_blocks_of_sanitised_html() -> None:
    html = (
        "<h2>A &amp; B</h2>\n<p>One<br>two <b>x</b>\ny</p><ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul>tail"
        '<figure><img src="x>y"><figcaption>cap</figcaption></figure><p><ruby>漢<rt>kan</rt></ruby></p>'
    )
    assert blocks_of(html) == [
        Block("h2", "A & B"),
        Block("p", "One\ntwo x y"),
        Block("ul", "a\nb\nc", ("a", "b", "c")),
        Block("p", "tail"),
        Block("caption", "cap"),
        Block("p", "漢"),
    ]


def test_text_becomes_html_and_text_again() -> None:
    blocks = [Block("p", "a < b & c\nd"), Block("h2", "</h2>"), Block("ul", "x\ny", ("x", "y"))]
    assert blocks_of(to_html(blocks)) == blocks


@pytest.mark.parametrize(
    ("html", "levels"),
    [
        ("<p>a</p>" * 200, 0),
        ("<div></div>" * 200, 1),
        ("<ul><li><ul><li>x</li></ul></li></ul>", 2),
        ("<p>one<p>two<p>three", 0),
        ("<div><div", 2),
        ("<!-- <div><div> --><b>x</b>", 1),
        ("<script>'<div><div>'</script><b>x</b>", 1),
        ("<b><style></style></b>", 2),
    ],
)
def test_depth(html: str, levels: int) -> None:
    assert depth(html) == levels


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 70,
        "<b></div>" * 70,
        '<div><p title="</div>">' * 70,
        "<div><style></div></style>" * 70,
        "<div><!-- --!></div><div>--><div>" * 40,
        "<svg><title>" + "<div>" * 70,
        "<div><?</div>" * 70,
        "<div><script><!--<script></script></div>--></script>" * 70,
    ],
)
def test_no_trick_hides_the_depth(html: str) -> None:
    assert oversize(html) == "nested deeper than 64"


def test_size_is_judged_in_bytes() -> None:
    assert oversize("é" * 262_144) is None
    assert oversize("é" * 262_145) == "more than 512 KB"


FLOODS = {
    "20,000 nested div": "<div>" * 20_000,
    "open tags": "<a" * 100_000,
    "open quotes": '<a """' * 50_000,
    "open comments": "<!--" * 60_000,
    "equals": "<a " + "=" * 200_000,
    "scripts": "<script>" * 30_000,
    "one long name": "<" + "a" * 300_000,
}


@pytest.mark.parametrize("html", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_judged_in_linear_time(html: str) -> None:
    begun = time.thread_time()
    oversize(html)
    without_markup(html)
    whole = time.thread_time() - begun
    begun = time.thread_time()
    oversize(html[: len(html) // 4])
    without_markup(html[: len(html) // 4])
    quarter = time.thread_time() - begun
    assert whole < 0.2 + 12 * quarter


def test_the_text_of_what_is_not_parsed() -> None:
    html = "<script>bad()</script><p>One <b>two</b></p><style>x{}</style><div>Three &lt;b&gt;<br>four"
    assert without_markup(html) == "One two\n\nThree <b>\n\nfour"
