"""docs/feed-rules.md: every rule has its row, and tests that exist and carry it."""

import pytest

from services.syndicate.rules import CURES, RULES
from services.syndicate.rules.http import HTTP
from tests.rules_table import carried, rows

ROWS = rows()
CARRIED, NAMES = carried()


def test_every_rule_has_a_row_in_order() -> None:
    assert list(ROWS) == list(range(1, 57))


@pytest.mark.parametrize("rule", range(1, 57))
def test_each_rule_names_tests_that_exist_and_carry_it(rule: int) -> None:
    _, said, tests = ROWS[rule]
    assert said.endswith(".")
    assert tests, f"no test carries rule {rule}"
    assert set(tests) <= NAMES, f"python -m tests.rules_table writes them anew: {set(tests) - NAMES}"
    assert set(tests) <= set(CARRIED[rule])


def test_whatever_is_judged_is_written_down_and_has_a_cure() -> None:
    judged = {*RULES, *(rule for rule, _ in HTTP)}
    assert judged <= set(ROWS)
    assert judged <= set(CURES)
