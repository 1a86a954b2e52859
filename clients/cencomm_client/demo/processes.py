"""One process per participant, driven by lines of JSON over its standard streams.

The conductor never touches a participant's vault: it asks, and the participant's own process
answers with what it saw. Secrets travel on standard input, never on a command line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CALL_TIMEOUT_S = 90.0
_LINE_LIMIT = 64 * 1024 * 1024


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


class Actor:
    """A participant's process as the conductor sees it."""

    def __init__(
        self, key: str, process: asyncio.subprocess.Process, log: Path, hear: Hear
    ) -> None:
        self.key = key
        self._hear = hear
        self._process = process
        self._log = log
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, key: str, folder: Path, hear: Hear) -> Actor:
        """Start `python -m cencomm_client.demo.actor` with its own log file in `folder`.

        `hear` is told of every alarm that the participant raises.
        """
        log = folder / f"{key}.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cencomm_client.demo.actor",
                key,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=_LINE_LIMIT,
            )
        return cls(key, process, log, hear)

    @property
    def pid(self) -> int:
        """The process id, named in the evidence."""
        return self._process.pid

    async def call(self, verb: str, /, timeout_s: float = CALL_TIMEOUT_S, **values: Any) -> Any:
        """Ask and wait for the answer; raises ActorFailed with the participant's code."""
        self._next += 1
        number = self._next
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_looked_at)
        self._pending[number] = future
        line = json.dumps({"id": number, "verb": verb, "values": values}) + "\n"
        if self._process.stdin is None or self._process.returncode is not None:
            raise ActorFailed(self.key, "process_died", f"see {self._log.name}")
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()
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
        """Close its input and wait; it ends by itself, else it is ended by its id."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for a pipe above
        while line := await self._process.stdout.readline():
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


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Nobody waits any more when the play was broken off; the answer is not news then."""
    if not future.cancelled():
        future.exception()
