"""The bot of docs/sdk.md, as it stands there, against a real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cencomm_client import session
from cencomm_client.vault import Vault

from tests.mallory.harness import Stages
from tests.mallory.test_bots import hit, keys
from tests.mallory.world import BOT, MEMBERS
from tests.support.vaults import PASSWORD, derive

SDK = Path(__file__).parents[2] / "docs" / "sdk.md"


async def scanner() -> AsyncIterator[dict[str, Any]]:
    """A source system of two hits that then waits for more."""
    for number in range(2):
        yield {"id": f"manifest-{number}", "hit": hit(number)}
    await asyncio.Event().wait()


async def test_the_bot_of_the_documentation_runs_and_is_twenty_lines(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(from collections.*?)```", SDK.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    program: dict[str, Any] = {"scanner": scanner}
    exec(compile(code, str(SDK), "exec"), program)  # noqa: S102 - our own documentation
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await stage.leave(BOT)
        vault = stage.folder / BOT

        async def opened(path: Path, password: str, **_: Any) -> Vault:
            made = Vault.open(path, password, derive=derive)
            made.server_url = stage.server.url
            return made

        monkeypatch.setattr(session, "open_vault", opened)
        working = asyncio.create_task(program["main"](vault, PASSWORD))
        told = ""
        async with asyncio.timeout(20):
            while "manifest-1 posted" not in told:
                assert not working.done(), working.exception()
                told += capsys.readouterr().out
                await asyncio.sleep(0.05)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-0", "manifest-1"]
