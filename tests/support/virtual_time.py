"""An event loop whose time passes only when everybody waits: hours take no time, and the same
coroutines take the same course each time.

    loop = VirtualLoop()
    loop.run_until_complete(asyncio.sleep(3600))      # at once; loop.time() is 3600 s later

Nothing outside the loop can wake it: a loop that waits for nothing is an error, said at once.
Work for threads is done on the spot.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Idle(AssertionError):
    """Everybody waits, and nothing is there that could end it."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 s."""

    def __init__(self) -> None:
        self._passed = 0.0
        super().__init__(_Jumping(self._pass))
        self.set_default_executor(_OnTheSpot())

    def time(self) -> float:
        return self._passed

    def _pass(self, seconds: float) -> None:
        self._passed += seconds


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting for its time-out, says that the time has passed."""

    def __init__(self, passed: Callable[[float], None]) -> None:
        super().__init__()
        self._passed = passed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready:
            if timeout is None:
                raise Idle("every task waits for something that nobody will do")
            self._passed(timeout)
        return ready


class _OnTheSpot(ThreadPoolExecutor):
    """No thread, no change of order: the call is over when `submit` returns."""

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(call(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done

    def shutdown(self, *_: Any, **__: Any) -> None:
        """There is nothing to end."""
