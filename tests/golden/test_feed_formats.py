"""Every format's bytes, and the faults of feedgen that our adapter cures. `python -m tests.golden` rewrites."""

from pathlib import Path

import pytest

from tests.golden.faults_of_feedgen import FAULTS
from tests.golden.pinned import HERE, expected

NOW = expected()


@pytest.mark.parametrize("path", sorted(NOW), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_bytes_are_as_pinned(path: Path) -> None:
    assert NOW[path].decode() == path.read_bytes().decode()


def test_no_golden_file_is_left_over() -> None:
    assert {*HERE.glob("feeds/*"), *HERE.glob("faults/*")} == set(NOW)


@pytest.mark.parametrize("name", FAULTS)
def test_our_output_differs_from_the_fault(name: str) -> None:
    assert NOW[HERE / "faults" / f"{name}.feedgen.xml"] != NOW[HERE / "faults" / f"{name}.ours.xml"]
