import pytest

from services.text.lines import bullet, crumbs, is_navigation, is_subhead, unglue
from services.text.pages import Page, first_words, read_flat_page

LONG = "The harbour office said on Tuesday that the ferry would leave an hour later than usual, because of the fog."


def paged(*parts: str) -> Page:
    return read_flat_page("\n\n".join(parts))


@pytest.mark.parametrize(
    "line",
    [
        "Back to news »",
        "← Previous",
        "» Zur Startseite",
        "Read also: why the ferry waits",
        "Lire aussi : pourquoi le bac attend",
        "Share on Facebook",
        "Advertisement",
        "相关阅读：渡船为何等待",
        "あわせて読みたい",
        "© 2026 Harbour Courier. All rights reserved.",
    ],
)
def test_lines_that_lead_elsewhere(line: str) -> None:
    assert is_navigation(line)


@pytest.mark.parametrize(
    "line",
    [
        "« Nous irons »",
        "»Wir gehen«",
        "Nous verrons bien. »",
        "Back to the drawing board",
        "Home rule wins the vote",
        "Printing money is no answer",
        "Il parle du « Grand Soir »",
        LONG,
    ],
)
def test_lines_that_are_text(line: str) -> None:
    assert not is_navigation(line)


@pytest.mark.parametrize(
    "line",
    [
        "A full sentence.",
        "Why?",
        "“A quotation”",
        "By Nell Astley",
        "Photo: Harbour Wire",
        "12.03.2026, 10:45",
        "And then he said:",
        "x" * 90,
    ],
)
def test_lines_that_are_no_subheads(line: str) -> None:
    assert not is_subhead(line)


def test_a_short_line_at_the_end_or_beside_another_is_no_subhead() -> None:
    page = paged("Ferry waits for the fog to lift", LONG, "One", "Two", LONG, "Harbour Wire")
    assert [block.kind for block in page.blocks] == ["p", "p", "p", "p", "p"]


def test_a_run_of_short_lines_is_a_list() -> None:
    page = paged("Ferry waits for the fog to lift", LONG, "Tea", "Soup", "Bread", LONG)
    assert [block.kind for block in page.blocks] == ["p", "ul", "p"]
    assert page.blocks[1].items == ("Tea", "Soup", "Bread")


def test_bullets_are_a_list_without_their_marks() -> None:
    page = paged("Ferry waits for the fog to lift", LONG, "• Tea, hot.", "• Soup, cold.", LONG)
    assert page.blocks[1].items == ("Tea, hot.", "Soup, cold.")
    assert bullet("– Bonjour, dit-elle.") is None, "a dash opens speech"


def test_bylines_and_dates_stay_and_are_no_headline() -> None:
    page = paged("Harbour Courier", "World", "By Nell Astley", "1 May 2026, 10:45", "Ferry waits", LONG)
    assert (page.site, page.section, page.title) == ("Harbour Courier", "World", "Ferry waits")


def test_a_text_without_a_headline_keeps_all_its_words() -> None:
    page = read_flat_page(f"{LONG}\n\n{LONG} Then it left.")
    assert page.title is None
    assert page.removed == ()
    assert len(page.blocks) == 2
    assert first_words(page) == LONG


def test_a_missing_headline_is_the_first_words() -> None:
    assert first_words(read_flat_page(" ".join([LONG] * 3))) == (
        "The harbour office said on Tuesday that the ferry would leave an hour later than usual, because of the fog. The harbour…"
    )
    assert first_words(read_flat_page("")) is None


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ('it was "slow".The ferry', 'it was "slow". The ferry'),
        ("il finit.La suite", "il finit. La suite"),
        ("« lent ».Le bac", "« lent ». Le bac"),
        ("see www.Example.Com and Booking.Com", "see www.Example.Com and Booking.Com"),
        ("the U.S.Army at 5 p.m.Then", "the U.S.Army at 5 p.m.Then"),
        ("“好。”他说", "“好。”他说"),
        ("he left. avec.", "he left. avec."),
    ],
)
def test_a_lost_space_is_given_back_and_nothing_else(line: str, mended: str) -> None:
    assert unglue(line) == mended
    assert unglue(mended) == mended


def test_breadcrumbs() -> None:
    assert crumbs("Home > World > Europe") == ["Home", "World", "Europe"]
    assert crumbs("Either / or") == []
