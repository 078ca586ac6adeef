"""The tests that carry each rule of docs/feed-rules.md. `python -m tests.rules_table` writes their names into it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "feed-rules.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| (.+) \| ([^|]*) \|$", re.MULTILINE)
_IN_NAME = re.compile(r"(?<!security_)rules?((?:_(?:and_)?\d+)+)(?=_|$)")
_IN_DOCSTRING = re.compile(r"(?<!ecurity )\b[Rr]ules? (\d+(?:(?:, | and |, and )\d+)*)")


def rows() -> dict[int, tuple[str, str, list[str]]]:
    """Each rule of the page by its number: area, words, names of tests."""
    return {
        int(number): (area, said, re.findall(r"`(\w+)`", tests))
        for number, area, said, tests in ROW.findall(PAGE.read_text("utf-8"))
    }


def carried() -> tuple[dict[int, list[str]], set[str]]:
    """The tests of each rule, sorted; and the names of all tests there are."""
    found: dict[int, set[str]] = {}
    names: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                names.add(node.name)
                for number in _numbers(node):
                    found.setdefault(number, set()).add(node.name)
    return {number: sorted(tests) for number, tests in found.items()}, names


def _numbers(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    said = "_".join(_IN_NAME.findall(node.name)) + " ".join(_IN_DOCSTRING.findall(ast.get_docstring(node) or ""))
    return {int(number) for number in re.findall(r"\d+", said)}


def rewrite() -> None:
    tests, _ = carried()

    def row(match: re.Match[str]) -> str:
        names = ", ".join(f"`{name}`" for name in tests.get(int(match[1]), ()))
        return f"| {match[1]} | {match[2]} | {match[3]} | {names} |"

    PAGE.write_text(ROW.sub(row, PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    rewrite()
