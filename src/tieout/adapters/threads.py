"""Threads that no process waits for at its end: what they wait for may never answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

_T = TypeVar("_T")
_P = ParamSpec("_P")


class DaemonThread(Executor):
    """One thread that does what it is given, in that order. Where it hangs, its process can end."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Raises RuntimeError after `shutdown`."""
        if self._closed:
            raise RuntimeError("this thread takes nothing more")
        future: Future[_T] = Future()
        self._work.put(partial(_do, future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Take nothing more; what was given before is done. `wait`: for that."""
        self._closed = True
        self._work.put(None)
        if wait:
            self._thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _do(future: Future[_T], work: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        done = work()
    except BaseException as error:  # noqa: BLE001 - a thread's boundary: who waits is told
        future.set_exception(error)
    else:
        future.set_result(done)
