"""The data directory is private and held by one (security rule 53)."""

import os
import stat
from pathlib import Path

import pytest

from services.cli.data_dir import KEY, DataDir
from services.cli.errors import CommandError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with DataDir(tmp_path / "data") as data:
            data.leave(KEY, "wr_live_…")
            modes = [_mode(tmp_path / "data"), *(_mode(path) for path in (tmp_path / "data").iterdir())]
    finally:
        os.umask(before)
    assert modes == [0o700, 0o600, 0o600]


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o720, 0o777])
def test_one_that_others_may_read_or_enter_is_refused_with_its_cure(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "data"
    place.mkdir()
    place.chmod(mode)
    with pytest.raises(CommandError, match="chmod 700"), DataDir(place):
        pytest.fail("it was opened")
    assert list(place.iterdir()) == []


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    with DataDir(tmp_path):
        assert DataDir(tmp_path).holder() == os.getpid()
        with pytest.raises(CommandError, match=f"process {os.getpid()}"), DataDir(tmp_path, wait_s=0):
            pytest.fail("two hold it")
    assert DataDir(tmp_path).holder() is None


def test_it_is_free_again_after_its_holder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with DataDir(tmp_path, wait_s=0):
        pass
    with DataDir(tmp_path, wait_s=0):
        pass
