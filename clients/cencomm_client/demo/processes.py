"""One process per participant, driven by lines of JSON over a socket of its own.

The conductor never touches a participant's vault: it asks, and the participant's own process
answers with what it saw. Secrets travel on that socket, never on a command line. The processes
are forked from one that has imported everything and holds nothing else: to import it all takes
a process longer than most of what it does in the play.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cencomm_client.demo import actor
from cencomm_client.demo.verbs import LINE_LIMIT

CALL_TIMEOUT_S = 90.0
END_TIMEOUT_S = 10.0
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload([actor.__name__])


@dataclass(frozen=True, slots=True)
class Noticed:
    """An alarm that a participant's own process raised; `row` of ATTACKS.md, docs/attacks.md."""

    who: str
    row: str
    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Plain values for the last line."""
        return asdict(self)


Hear = Callable[[Noticed], None]


class ActorFailed(Exception):
    """A participant's process answered with an error, or died."""

    def __init__(self, who: str, code: str, detail: str) -> None:
        super().__init__(f"{who}: {code}: {detail}")
        self.who, self.code, self.detail = who, code, detail


Run = Callable[[str, socket.socket, Path], None]  # key, the conductor's socket, log


async def make_ready() -> None:
    """Start the process that the others are forked from; it ends with this one."""
    await asyncio.to_thread(forkserver.ensure_running)


class Actor:
    """A participant's process as the conductor sees it."""

    def __init__(
        self,
        key: str,
        process: BaseProcess,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        log: Path,
        hear: Hear,
    ) -> None:
        self.key = key
        self._hear = hear
        self._process = process
        self._answers, self._asked = streams
        self._log = log
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, key: str, folder: Path, hear: Hear, run: Run = actor.run) -> Actor:
        """Start a process that does `run`, with its own log file in `folder`.

        `hear` is told of every alarm that the participant raises.
        """
        log = folder / f"{key}.log"
        ours, its = socket.socketpair()
        with its:
            process = _FORKING.Process(target=run, args=(key, its, log), daemon=True)
            await asyncio.to_thread(process.start)
        streams = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
        return cls(key, process, streams, log, hear)

    @property
    def pid(self) -> int:
        """The process id, named in the evidence."""
        assert self._process.pid is not None  # noqa: S101 - it was started
        return self._process.pid

    async def call(self, verb: str, /, timeout_s: float = CALL_TIMEOUT_S, **values: Any) -> Any:
        """Ask and wait for the answer; raises ActorFailed with the participant's code."""
        self._next += 1
        number = self._next
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_looked_at)
        self._pending[number] = future
        line = json.dumps({"id": number, "verb": verb, "values": values}) + "\n"
        if self._reader.done():
            raise ActorFailed(self.key, "process_died", f"see {self._log.name}")
        self._asked.write(line.encode())
        try:
            async with asyncio.timeout(timeout_s):  # `wait_for` may swallow the end of the play
                return await future
        except TimeoutError as error:
            raise ActorFailed(self.key, "timeout", f"{verb} took over {timeout_s} s") from error
        finally:
            self._pending.pop(number, None)

    async def refusal(self, verb: str, /, **values: Any) -> str:
        """The code that a call is refused with; "accepted" if it was not."""
        try:
            await self.call(verb, **values)
        except ActorFailed as refused:
            return refused.code
        return "accepted"

    async def stop(self) -> None:
        """End its input and wait; it ends by itself, else it is ended by its id."""
        with contextlib.suppress(OSError):  # it has ended already
            self._asked.write_eof()
        await asyncio.to_thread(self._process.join, END_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join)
        await self._reader
        self._asked.close()

    async def _read(self) -> None:
        while line := await self._next_line():
            answer = json.loads(line)
            if "alarm" in answer:
                self._hear(Noticed(self.key, **answer["alarm"]))
                continue
            future = self._pending.get(answer["id"])
            if future is None or future.done():
                continue
            if "error" in answer:
                error = answer["error"]
                future.set_exception(ActorFailed(self.key, error["code"], error["detail"]))
            else:
                future.set_result(answer["value"])
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ActorFailed(self.key, "process_died", f"see {self._log.name}"))

    async def _next_line(self) -> bytes:
        try:
            return await self._answers.readline()
        except ConnectionError:  # it died with a question unread
            return b""


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Nobody waits any more when the play was broken off; the answer is not news then."""
    if not future.cancelled():
        future.exception()
