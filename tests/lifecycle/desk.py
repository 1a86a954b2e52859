"""The command `cencomm` in this process, against the server of a stage: a terminal for each person.

In a thread, since the command runs an event loop of its own. Everything is the command's own code
but the stretching of passwords, which the world's vaults were made with.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from cencomm_client import session
from cencomm_client.cli import app
from cencomm_client.cli.exits import Exit
from cencomm_client.vault import Vault
from typer.testing import CliRunner

from tests.mallory.harness import Stage
from tests.support.vaults import PASSWORD, derive


class Desk:
    """One person's terminal; its client on the stage is closed."""

    def __init__(self, stage: Stage, code: str) -> None:
        self._stage, self._code = stage, code
        self._password = _secret_file(stage.folder / "password", PASSWORD)

    async def __call__(self, *words: str, stdin: str = "", code: Exit = Exit.OK) -> Any:
        """Run the command with --json: its document, or the error that it printed."""
        told = await self._run((*words, "--json"), stdin, code)
        return json.loads(told.stdout or told.stderr)

    async def text(self, *words: str, stdin: str = "", code: Exit = Exit.OK) -> str:
        """Run the command as a person does; standard output, else error."""
        told = await self._run(words, stdin, code)
        return str(told.stdout or told.stderr)

    async def lines(self, *words: str) -> list[dict[str, Any]]:
        """Run a streaming command; gives its lines."""
        told = await self._run((*words, "--json"), "", Exit.OK)
        return [json.loads(line) for line in told.stdout.splitlines()]

    async def _run(self, words: tuple[str, ...], stdin: str, code: Exit) -> Any:
        if self._code in self._stage.clients:
            await self._stage.leave(self._code)
        given = () if "--password-file" in words else ("--password-file", str(self._password))
        vault = ("--vault", str(self._stage.folder / self._code))
        run = partial(CliRunner().invoke, app, [*words, *given, *vault], input=stdin)
        with _alone():
            told = await asyncio.to_thread(run)
        assert told.exit_code == code, (words, told.exit_code, told.output, told.stderr)
        return told


@contextmanager
def _alone() -> Iterator[None]:
    async def open_vault(path: Path, password: str, *, wait_s: float = 0.0) -> Vault:
        return Vault.open(path, password, wait_s=wait_s, derive=derive)

    opens_with = Vault.opens_with

    def asked_again(vault: Vault, password: str) -> bool:
        return opens_with(vault, password, derive=derive)

    said = structlog.get_config()  # the server of the stage speaks on the same standard output
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with (
            patch.object(session, "open_vault", open_vault),
            patch.object(Vault, "opens_with", asked_again),
        ):
            yield
    finally:
        structlog.configure(**said)


def _secret_file(path: Path, secret: str) -> Path:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
    return path
