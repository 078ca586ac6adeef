"""A pool of processes for pure, CPU-bound work: enrichment, and rendering too.

Each process has a pipe of its own. So one that dies (kill -9, out of memory) costs the one task it had:
that future raises WorkerDied, its neighbours notice nothing, and the process is replaced at once.
concurrent.futures' pool shares one result queue instead: there every task in flight breaks with the first
death, and a process killed while it writes leaves the parent waiting for the rest of the message.

Processes are spawned, never forked (threads, sockets and the data lock would be inherited). They outlive
nobody: a process waiting for work sees its pipe end, and a thread of each waits for the parent's death,
kill -9 included.
"""

import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple, ParamSpec, TypeVar

import structlog

from services.enrich import chunk

_log = structlog.get_logger(__name__)
_P = ParamSpec("_P")
_T = TypeVar("_T")

START_S = 60.0  # a process that is not ready by then is started anew
LIMIT_S = 60.0  # a task that takes longer counts as one that ended its process
_READY = b"ready"


class WorkerDied(BrokenExecutor):
    """The process ended while it did this task. Another try may help, once; twice means that the task does it."""


class _Task(NamedTuple):
    future: Future[Any]
    run: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Pool(Executor):
    """`workers` processes, ready when `start` returns. `prepare` are functions that each runs first.

    Functions and arguments travel by pickle: module-level functions, values without locks or sockets.
    """

    def __init__(
        self,
        workers: int,
        *,
        prepare: Sequence[Callable[[], object]] = (chunk.prepare,),
        limit_s: float = LIMIT_S,
        start_s: float = START_S,
    ) -> None:
        self._start_s = start_s
        self.workers = workers
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._posts = [_Post(number, tuple(prepare), limit_s, self._tasks, self._stopping) for number in range(workers)]

    def start(self) -> None:
        """Start every process and wait until all are ready. Raises RuntimeError when one is not in time."""
        for post in self._posts:
            post.thread.start()
        for post in self._posts:
            if not post.ready.wait(self._start_s):
                self.stop(0)
                raise RuntimeError("a pool process did not get ready; its output above says why")

    @property
    def alive(self) -> bool:
        """Whether any process is ready for work."""
        return any(post.ready.is_set() for post in self._posts)

    @property
    def pids(self) -> list[int]:
        """The processes that are running."""
        return [pid for post in self._posts if (pid := post.pid) is not None]

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run `fn` in the next free process. Its future raises what `fn` raised, or WorkerDied."""
        if self._stopping.is_set():
            raise RuntimeError("the pool has stopped")
        future: Future[_T] = Future()
        self._tasks.put(_Task(future, fn, args, dict(kwargs)))
        return future

    def stop(self, grace_s: float = 5.0) -> None:
        """Cancel what has not begun, wait for what has, end every process. Safe to repeat."""
        self._stopping.set()
        with suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task.future.cancel()
        for _ in self._posts:
            self._tasks.put(None)
        for post in self._posts:
            if post.thread.ident is not None:
                post.thread.join(grace_s)
                post.kill()
                post.thread.join()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """`stop`, under the name that executors have for it."""
        self.stop()


class _Post:
    """One process and the thread that hands it work."""

    def __init__(
        self,
        number: int,
        prepare: tuple[Callable[[], object], ...],
        limit_s: float,
        tasks: "queue.SimpleQueue[_Task | None]",
        stopping: threading.Event,
    ) -> None:
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, name=f"pool-{number}", daemon=True)
        self._prepare = prepare
        self._limit_s = limit_s
        self._tasks = tasks
        self._stopping = stopping
        self._process: SpawnProcess | None = None
        self._pipe: Connection[Any, Any] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.is_alive() else None

    def kill(self) -> None:
        if (process := self._process) is not None:
            process.kill()

    def _serve(self) -> None:
        self._ensure()
        while not self._stopping.is_set():
            task = self._next()
            self._ensure()
            if task is None:
                continue
            if self._pipe is None:
                task.future.cancel()  # stopping
            elif task.future.set_running_or_notify_cancel():
                self._do(task)
        self._end()

    def _ensure(self) -> None:
        """Have a living process, however often it takes. Gives up only when stopping."""
        while (self._process is None or not self._process.is_alive()) and not self._stopping.is_set():
            self._replace()

    def _next(self) -> _Task | None:
        """Wait for a task, and look now and then whether the process still lives."""
        with suppress(queue.Empty):
            return self._tasks.get(timeout=1.0)
        return None

    def _replace(self) -> None:
        self.ready.clear()
        self._end()
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._prepare), name="wireroom-pool", daemon=True)
        try:
            process.start()
            theirs.close()  # ours sees the end of the pipe when the process ends
            self._process, self._pipe = process, ours
            if ours.poll(START_S) and ours.recv_bytes() == _READY:
                self.ready.set()
                return
        except (OSError, EOFError) as error:
            _log.warning("pool.start_failed", error=str(error))
        self._end()
        self._stopping.wait(0.5)

    def _do(self, task: _Task) -> None:
        assert self._pipe is not None, "a task is taken only by a post with a process"
        try:
            order = pickle.dumps((task.run, task.args, task.kwargs))
        except Exception as error:  # noqa: BLE001 - belongs to who submitted it
            task.future.set_exception(error)
            return
        try:
            self._pipe.send_bytes(order)
            if not self._pipe.poll(self._limit_s):
                self._lost(task, f"took more than {self._limit_s:g} s")
                return
            answer = self._pipe.recv_bytes()
        except (OSError, EOFError):
            self._lost(task, "the process ended")
            return
        worked, value = pickle.loads(answer)  # noqa: S301 - from our own process
        if worked:
            task.future.set_result(value)
        else:
            task.future.set_exception(value)

    def _lost(self, task: _Task, why: str) -> None:
        self.ready.clear()
        _log.warning("pool.worker_died", pid=self._process.pid if self._process else None, why=why)
        self._end()
        task.future.set_exception(WorkerDied(why))

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            if self._stopping.is_set():
                self._process.join(1.0)
            self._process.kill()
            self._process.join()
            self._process = None


def _work(pipe: "Connection[Any, Any]", prepare: tuple[Callable[[], object], ...]) -> None:
    """Do task after task until the pipe ends. Signals are the parent's business: it ends the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for each in prepare:
        each()
    with suppress(EOFError, OSError):
        pipe.send_bytes(_READY)
        while True:
            run, args, kwargs = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own parent
            pipe.send_bytes(_answer(run, args, kwargs))


def _answer(run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    try:
        return pickle.dumps((True, run(*args, **kwargs)))
    except Exception as error:  # noqa: BLE001 - raised again where it was asked for
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # noqa: S301 - our own; some exceptions can be written but not read
        except Exception:  # noqa: BLE001
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(0)
