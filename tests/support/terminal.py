"""One person's terminal: the command `cencomm` as an operator or member types it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pyotp
from cencomm_client.cli.exits import Exit

from tests.support.commands import command_line
from tests.support.deployment import PASSWORD


class Desk:
    """One person's terminal: a vault, a password file, and the command."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.vault = folder / f"{name}.vault"
        self.password = folder / "password"
        if not self.password.exists():
            self.password.touch(mode=0o600)
            self.password.write_text(PASSWORD + "\n")
        self.seed = ""

    async def __call__(self, *words: str, stdin: str = "", code: Exit = Exit.OK) -> dict[str, Any]:
        """Run the command with --json; gives its document, or the error it printed."""
        out, err = await self._run((*words, "--json"), stdin, code)
        return json.loads(out or err)  # type: ignore[no-any-return]

    async def lines(self, *words: str) -> list[dict[str, Any]]:
        """Run a streaming command; gives its lines."""
        out, _ = await self._run((*words, "--json"), "", Exit.OK)
        return [json.loads(line) for line in out.splitlines()]

    async def text(self, *words: str) -> str:
        """Run the command as a person does."""
        return (await self._run(words, "", Exit.OK))[0]

    async def _run(self, words: tuple[str, ...], stdin: str, code: Exit) -> tuple[str, str]:
        name = "--passphrase-file" if words[0] == "root" else "--password-file"
        secret = () if words[:2] in (("root", "show"),) else (name, str(self.password))
        process = await asyncio.create_subprocess_exec(
            *command_line("cencomm", *words, *secret),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "CENCOMM_CLIENT_VAULT": str(self.vault)},
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        assert process.returncode == code, (words, process.returncode, out, err)
        return out.decode(), err.decode()

    async def register(self, *, ahead_s: int = 0) -> None:
        """Read the authenticator's secret from its file, answer with the first code.

        `ahead_s`: how far its clock goes before the server's.
        """
        seed = self.vault.with_suffix(".seed")
        words = ("register", "--seed-out", str(seed), "--totp-file", "-")
        process = await asyncio.create_subprocess_exec(
            *command_line("cencomm", *words, "--password-file", str(self.password), "--json"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "CENCOMM_CLIENT_VAULT": str(self.vault)},
        )
        async with asyncio.timeout(30):
            while not seed.exists() or not seed.read_text().endswith("\n"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        self.seed = seed.read_text().strip()
        out, _ = await process.communicate(
            (pyotp.TOTP(self.seed).at(int(time.time()) + ahead_s) + "\n").encode()
        )
        assert process.returncode == Exit.OK, out
