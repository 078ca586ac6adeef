"""Limits of open files."""

import resource

import pytest

from services.outbound.capacity import raise_open_files, requests_at_once


def test_the_limit_of_open_files_is_raised_and_never_lowered() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(256, soft)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        assert raise_open_files(low + 10) == low + 10
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == low + 10
        assert raise_open_files(low) == low + 10
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("files", "requests"), [(10, 16), (1_024, 341), (20_000, 4_096), (10**6, 4_096)])
def test_requests_leave_room_for_other_files(files: int, requests: int) -> None:
    assert requests_at_once(files) == requests
