"""`cencomm desk` on a terminal: live beside another process that posts."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
import sys
import termios
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from cencomm_client import Admission, Client, OperationPlan
from cencomm_client.cli.exits import Exit

from tests.support.commands import command_line
from tests.support.deployment import PASSWORD, Deployment, deployed, needs_store, now_ms
from tests.support.talk import seizure, warning

COMMAND = str(Path(sys.executable).with_name("cencomm"))
POSTS = 3
WITHIN_S = 1.0


class Terminal:
    """A pseudo-terminal of 80x24 with the command in it; `seen` is all it ever wrote."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.seen = b""
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self.seen += os.read(self._master, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._master)

    async def shows(self, text: str, timeout_s: float) -> float:
        """Wait until it wrote `text`; the seconds that took."""
        started = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while text.encode() not in self.seen:  # noqa: ASYNC110 - what a screen shows
                await asyncio.sleep(0.01)
        return time.monotonic() - started


@asynccontextmanager
async def terminal(vault: Path, *words: str) -> AsyncIterator[Terminal]:
    """Run the command with a vault that nobody else has open."""
    password = vault.with_suffix(".password")
    password.touch(mode=0o600)
    password.write_text(PASSWORD + "\n")
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, *words, "--vault", str(vault), "--password-file", str(password)),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(slave)
    try:
        yield Terminal(master)
    finally:
        process.terminate()
        await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


async def running(town: Deployment) -> tuple[Client, Client]:
    """An operation in its live phase with a coordinator and an agent of another administration."""
    rilo = await town.contact_point("RILO", "RILO-001")
    await town.may_create(rilo)
    contact = await town.contact_point("DE", "DE-001")
    now = now_ms()
    plan = OperationPlan("MERIDIAN", now - 1000, now + 3_600_000, "test")
    operation = await rilo.create_operation(plan)
    await operation.create_channel("alpha")
    await operation.admit([Admission("DE-001", "ncp")])
    await operation.set_phase("prep")
    await operation.set_phase("live")
    return rilo, contact


@needs_store
@pytest.mark.alone
async def test_the_desk_shows_within_a_second_what_another_process_posts(tmp_path: Path) -> None:
    async with deployed(tmp_path) as town:
        rilo, contact = await running(town)
        alpha = (await rilo.operation("MERIDIAN")).channel("alpha")
        await alpha.post("WRN", warning(identifiers={"plate": "FIRST-1"}), to=["DE-001"])
        await contact.operation("MERIDIAN")
        vault = contact.vault.path
        town.clients.remove(contact)
        await contact.close()
        took: list[float] = []
        async with terminal(vault, "desk", "MERIDIAN") as screen:
            await screen.shows("FIRST-1", 30)
            await screen.shows("OPEN WARNINGS", 5)
            await asyncio.sleep(1)
            for number in range(POSTS):
                plate = f"PLATE-{number}"
                await alpha.post(
                    "WRN", warning(identifiers={"plate": plate}), to=["DE-001"], prio="flash"
                )
                took.append(await screen.shows(plate, 10))
        assert median(took) < WITHIN_S / 2, took  # also of what comes while it draws another
        assert b"\x1b[?1049h" in screen.seen  # the alternate screen, so that the shell's stays


async def command(vault: Path, *words: str, stdin: str = "", code: int = 0) -> dict[str, Any]:
    """Run the command with --json; gives its document, or the error that it printed."""
    password = vault.with_suffix(".password")
    process = await asyncio.create_subprocess_exec(
        *command_line(
            "cencomm", *words, "--vault", str(vault), "--password-file", str(password), "--json"
        ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    assert process.returncode == code, (words, out, err)
    return json.loads(out or err)  # type: ignore[no-any-return]  # the command prints an object


@needs_store
async def test_work_with_entries_by_commands_alone(tmp_path: Path) -> None:
    async with deployed(tmp_path) as town:
        rilo, contact = await running(town)
        alpha = (await rilo.operation("MERIDIAN")).channel("alpha")
        open_one = await alpha.post("WRN", warning(), to=["DE-001"])
        secret = await alpha.post("WRN", warning(handling=["H2"]), to=["DE-001"])
        await contact.operation("MERIDIAN")
        own = await (await contact.operation("MERIDIAN")).channel("alpha").post("SZR", seizure())
        vault = contact.vault.path
        password = vault.with_suffix(".password")
        password.touch(mode=0o600)
        password.write_text(PASSWORD + "\n")
        town.clients.remove(contact)
        await contact.close()

        desk = await command(vault, "desk", "MERIDIAN")
        subjects = {row["seq"]: row["subject"] for row in desk["warnings"]}
        assert subjects == {open_one.seq: "CSQU3054383 cigarettes", secret.seq: None}
        found = await command(vault, "search", "MERIDIAN", "csqu 305438 3")
        assert [(row["seq"], row["excerpt"] is None) for row in found["found"]] == [
            (secret.seq, True),
            (open_one.seq, False),
        ]
        out = tmp_path / "out.jsonl"
        refused = await command(
            vault, "export", "MERIDIAN", str(secret.seq), "--out", str(out), code=Exit.REFUSED
        )
        assert refused["error"]["code"] == "handling_forbids"
        assert f"entry {secret.seq} " in refused["error"]["detail"]
        assert not out.exists()
        left = await command(vault, "export", "MERIDIAN", "--out", str(out))
        assert [row["entry"] for row in left["stays"]] == [secret.leaf.hex()]
        assert out.stat().st_mode & 0o777 == 0o600
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert [line["leaf"] for line in lines] == left["entries"]
        assert secret.leaf.hex() not in left["entries"]
        changed = tmp_path / "changed.json"
        changed.write_text('{"office": "DEBRV"}')
        words = ("correct", "MERIDIAN", str(own.seq), "--file", str(changed), "--why-file", "-")
        await command(vault, *words, stdin="Wrong office.")
        others = ("withdraw", "MERIDIAN", str(open_one.seq), "--why-file", "-")
        refused = await command(vault, *others, stdin="not ours", code=Exit.REFUSED)
        assert refused["error"]["code"] == "not_the_author"
        chain = await command(vault, "chain", "MERIDIAN", str(own.seq))
        assert [(row["kind"], row["state"]) for row in chain["history"]] == [
            ("SZR", "corrected"),
            ("COR", ""),
        ]
