"""The server's process, started by its command as an operator would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 60.0


class ServerFailed(Exception):
    """The server's command ended with an error or did not become ready."""


def _run_command() -> list[str]:
    """What serves: `cencomm-server`, or what CENCOMM_DEMO_SERVER names in its place."""
    return shlex.split(os.environ.get("CENCOMM_DEMO_SERVER", "")) or [_command()]


def _command() -> str:
    """`cencomm-server` beside the running interpreter, else on the path."""
    beside = Path(sys.executable).with_name("cencomm-server")
    found = str(beside) if beside.exists() else shutil.which("cencomm-server")
    if found is None:
        raise ServerFailed("the command cencomm-server is not installed; run make run")
    return found


async def initialise(data: Path, name: str) -> dict[str, Any]:
    """`cencomm-server init`: the log key and the sealing key, outside the database."""
    return await _once("init", "--data", str(data), "--name", name, "--json")


async def export(data: Path, out: Path) -> dict[str, Any]:
    """`cencomm-server export`: every byte of every log that the server keeps."""
    return await _once("export", "--data", str(data), "--out", str(out), "--json")


async def _once(*words: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        _command(),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CENCOMM_SINGLE_OPERATOR": "true"},  # one person watches the play
    )
    out, errors = await asyncio.wait_for(process.communicate(), START_TIMEOUT_S)
    if process.returncode != 0:
        raise ServerFailed(f"cencomm-server {words[0]}: {(errors or out).decode()[-2000:]}")
    answer: dict[str, Any] = json.loads(out)
    return answer


class Server:
    """A running server; `stop` ends it by its own process id and waits."""

    def __init__(self, process: asyncio.subprocess.Process, ready: dict[str, Any]) -> None:
        self._process = process
        self.url: str = ready["url"]
        self.ready = ready

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @classmethod
    async def start(cls, data: Path, log: Path, port: int = 0) -> Server:
        """`cencomm-server run --json`: returns when it says that it is ready."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *_run_command(),
                "run",
                "--data",
                str(data),
                "--port",
                str(port),
                "--json",
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        assert process.stdout is not None  # noqa: S101 - asked for a pipe above
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
            return cls(process, json.loads(line))
        except (TimeoutError, ValueError) as error:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise ServerFailed(f"the server did not become ready; see {log.name}") from error

    async def wait(self) -> int:
        """Until it ends."""
        return await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, then wait."""
        if self._process.returncode is None:
            self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), START_TIMEOUT_S)
