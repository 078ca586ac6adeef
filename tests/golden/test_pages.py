"""Saved pages of our own writing in twelve languages. `python -m tests.golden` rewrites what comes out."""

import re
import textwrap
from pathlib import Path

import pytest

from services.text.pages import Page, read_flat_page
from tests.golden import pages

NOW = pages.expected()


@pytest.mark.parametrize("path", sorted(NOW), ids=lambda path: path.stem)
def test_what_is_known_of_a_page_is_as_pinned(path: Path) -> None:
    assert NOW[path].decode() == path.read_text("utf-8")


def lines(lang: str) -> list[str]:
    """Site, section, headline, 4 paragraphs, subhead, 2, navigation, subhead, 2, the headline again."""
    return [line for line in pages.text(lang).split("\n") if line]


def read(parts: list[str], title: str | None = None) -> Page:
    return read_flat_page("\n\n".join(parts), title)


def subheads(page: Page) -> list[str]:
    return [block.text for block in page.blocks if block.kind == "h2"]


@pytest.mark.parametrize("lang", pages.LANGUAGES)
class TestAPageOfEachLanguage:
    def test_every_part_is_found(self, lang: str) -> None:
        given = lines(lang)
        page = read(given)
        assert (page.site, page.section, page.title) == tuple(given[:3])
        assert subheads(page) == [given[7], given[11]]
        assert [block.text for block in page.blocks] == [*given[3:10], *given[11:14]]
        assert page.removed == (given[10], given[2])

    def test_single_line_ends_make_no_difference(self, lang: str) -> None:
        assert read_flat_page("\n".join(lines(lang))) == read(lines(lang))
        assert read_flat_page("\r\n\r\n".join(lines(lang)).replace("\r\n", "\n")) == read(lines(lang))

    def test_without_navigation_the_blocks_are_the_same(self, lang: str) -> None:
        given = lines(lang)
        assert read([*given[:10], *given[11:]]).blocks == read(given).blocks

    def test_navigation_needs_no_arrow_where_its_words_are_known(self, lang: str) -> None:
        given = lines(lang)
        plain = given[10].removesuffix(" »")
        assert read([*given[:10], plain, *given[11:]]).removed == (plain, given[2])
        other = f"← {plain}"
        assert read([*given[:10], other, *given[11:]]).removed == (other, given[2])

    def test_a_headline_that_comes_once_is_found_by_its_place(self, lang: str) -> None:
        given = lines(lang)
        for start in (0, 1, 2):
            page = read(given[start:-1])
            assert page.title == given[2]
            assert page.blocks == read(given).blocks

    def test_a_given_headline_is_known_again(self, lang: str) -> None:
        given = lines(lang)
        assert read(given, given[2]) == read(given)
        assert read(given[3:-1], given[2]).blocks == read(given).blocks

    def test_a_second_run_over_the_blocks_changes_nothing(self, lang: str) -> None:
        page = read(lines(lang))
        assert page.title is not None
        again = read([block.text for block in page.blocks], page.title)
        assert again.blocks == page.blocks
        assert again.removed == ()

    def test_a_breadcrumb_trail_names_the_section(self, lang: str) -> None:
        given = lines(lang)
        page = read([given[0], f"{given[0]} > {given[1]}", *given[2:]])
        assert (page.site, page.section, page.title) == tuple(given[:3])

    def test_lines_broken_at_a_column_are_joined(self, lang: str) -> None:
        if lang in {"zh", "ja"}:
            wrapped = [re.sub(r"(.{40})(?=.)", r"\1\n", line) for line in lines(lang)]
        else:
            wrapped = ["\n".join(textwrap.wrap(line, 72, break_on_hyphens=False)) for line in lines(lang)]
        assert read(wrapped) == read(lines(lang))
