"""The process pool: a death costs one task, nothing outlives the parent, whatever ends it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import suppress
from pathlib import Path

import pytest

from services.enrich.pool import Pool, WorkerDied
from tests import pool_tasks as tasks


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(2, prepare=(tasks.nothing,), limit_s=20)
    pool.start()
    yield pool
    pool.stop()


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within_s, "it did not come about in time"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_it_runs_functions_in_as_many_processes_as_asked(pool: Pool, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    held = [pool.submit(tasks.wait_for, gate) for _ in range(2)]
    third = pool.submit(tasks.pid)
    assert not wait([third], timeout=0.2).done, "both processes are busy"
    Path(gate).touch()
    assert [future.result(10) for future in held] == [True, True]
    assert third.result(10) in pool.pids
    assert os.getpid() not in pool.pids
    assert len(pool.pids) == 2


def test_what_a_function_raises_comes_back(pool: Pool) -> None:
    with pytest.raises(ValueError, match="no such luck"):
        pool.submit(tasks.fail, "no such luck").result(10)
    with pytest.raises(RuntimeError, match="Unreadable: ab"):
        pool.submit(tasks.fail_unreadably).result(10)
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        pool.submit(lambda: None).result(10)
    assert pool.submit(tasks.echo, 1).result(10) == 1


def test_a_death_costs_one_task_and_no_neighbour(pool: Pool, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    neighbour = pool.submit(tasks.wait_for, gate)
    with pytest.raises(WorkerDied):
        pool.submit(tasks.die).result(10)
    assert pool.submit(tasks.echo, "still here").result(30) == "still here"
    Path(gate).touch()
    assert neighbour.result(10)
    eventually(lambda: len(pool.pids) == 2)


def test_a_process_killed_in_the_middle_of_its_answer_leaves_nobody_waiting(pool: Pool) -> None:
    for _ in range(3):
        with suppress(WorkerDied):  # or it was quicker than the kill
            assert len(pool.submit(tasks.die_while_answering, 30_000_000).result(30)) == 30_000_000
    assert pool.submit(tasks.echo, 1).result(30) == 1


def test_an_idle_process_that_is_killed_is_replaced(pool: Pool) -> None:
    old = set(pool.pids)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(set(pool.pids) - old) == 2)
    assert [pool.submit(tasks.echo, n).result(30) for n in range(4)] == [0, 1, 2, 3]
    eventually(lambda: pool.alive)


def test_signals_meant_for_the_parent_end_no_process(pool: Pool) -> None:
    before = set(pool.pids)
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert {pool.submit(tasks.pid).result(10) for _ in range(6)} <= before
    assert set(pool.pids) == before


def test_a_task_over_the_limit_counts_as_a_death() -> None:
    pool = Pool(1, prepare=(tasks.nothing,), limit_s=0.3)
    pool.start()
    try:
        with pytest.raises(WorkerDied, match=r"more than 0\.3 s"):
            pool.submit(tasks.spin, 60).result(20)
        assert pool.submit(tasks.echo, 1).result(30) == 1
    finally:
        pool.stop()


def test_stop_finishes_what_has_begun_and_cancels_the_rest(tmp_path: Path) -> None:
    pool = Pool(1, prepare=(tasks.nothing,))
    pool.start()
    pids = pool.pids
    gate = str(tmp_path / "gate")
    begun = pool.submit(tasks.wait_for, gate)
    eventually(begun.running)
    waiting = pool.submit(tasks.echo, 1)
    Path(gate).touch()
    pool.stop()
    assert begun.result(0)
    assert waiting.cancelled() or waiting.result(0) == 1
    assert not any(is_running(pid) for pid in pids)
    with pytest.raises(RuntimeError, match="stopped"):
        pool.submit(tasks.echo, 1)
    pool.stop()


def test_stop_does_not_wait_for_ever() -> None:
    pool = Pool(1, prepare=(tasks.nothing,))
    pool.start()
    pids = pool.pids
    stuck = pool.submit(tasks.spin, 600)
    eventually(stuck.running)
    pool.stop(grace_s=0.2)
    assert not any(is_running(pid) for pid in pids)
    with pytest.raises(WorkerDied):
        stuck.result(0)


async def test_it_is_an_executor_for_the_loop(pool: Pool) -> None:
    assert await asyncio.get_running_loop().run_in_executor(pool, tasks.echo, "x") == "x"


def test_a_pool_that_cannot_start_says_so_and_leaves_nothing() -> None:
    pool = Pool(1, prepare=(tasks.refuse_to_start,), start_s=1.5)
    with pytest.raises(RuntimeError, match="did not get ready"):
        pool.start()
    assert not pool.alive
    assert pool.pids == []


PARENT = """
import sys, time
from services.enrich.pool import Pool
from tests import pool_tasks as tasks
if __name__ == "__main__":
    pool = Pool(2, prepare=(tasks.nothing,))
    pool.start()
    if sys.argv[1] == "busy":
        busy = [pool.submit(tasks.spin, 600) for _ in range(2)]
        while not all(future.running() for future in busy):
            time.sleep(0.01)
    print(*pool.pids, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_no_process_outlives_its_parent_by_2_seconds_even_after_kill_9(state: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(script), state],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_running(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
        parent.wait(5)
        eventually(lambda: not any(is_running(pid) for pid in pids), within_s=2)
