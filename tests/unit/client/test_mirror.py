"""The mirror against the real server: pulled by cursor, pushed live, and held after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cencomm_client import session
from cencomm_client.answers import EntriesPage, PushFrame
from cencomm_client.kept_logs import Update
from cencomm_client.live import LiveConnection
from cencomm_client.mirror import Mirror
from cencomm_client.outbox import Outbox
from cencomm_client.root import ceremony
from cencomm_crypto.public.entry import log_id32
from cencomm_crypto.public.ids import LogId

from tests.support.loopback import Loopback, Member, loopback, now_ms
from tests.support.waiting import until

HOUR = 3_600_000
PREP = {"phase": "prep"}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Loopback]:
    async with loopback(tmp_path) as running:
        yield running


async def found(made: Loopback, creator: Member) -> LogId:
    """Give the right to create operations, and create one."""
    await made.decide(made.governance, ceremony.grant_role(creator.vault.person))
    await creator.pull()
    now = now_ms()
    entry = creator.author.sign(
        creator.author.genesis_header(),
        {
            "directory": made.directory_id,
            "name": "Operation Test",
            "window": [now - HOUR, now + HOUR],
            "grace": HOUR,
            "live": [now, now + HOUR // 2],
            "phases": 1,
            "history": "all",
            "metadata": "full",
            "browser": True,
            "retention": {"erase_at": 0},
            "clocks": dict.fromkeys(
                ("accept_s", "flash_s", "feedback_s", "seizure_s", "long_s", "sit_s"), 60
            ),
            "exercise": True,
            "forms": b"",
            "audit": {"persons": [], "k": 0},
            "witness": {"keys": [], "k": 0, "fresh": 0, "mode": "warn"},
            "legal": "Mutual assistance",
            "rules": 1,
            "suite_min": 1,
        },
    )
    log = LogId(log_id32(entry)[:16])
    await creator.outbox.submit(log, entry)
    await creator.mirror.pull(creator.transport, log)
    return log


async def control(by: Member, log: LogId, kind: str, body: dict[str, object]) -> None:
    """Author a control entry over the newest heads and send it."""
    await by.pull()
    await by.mirror.pull(by.transport, log)
    await by.outbox.submit(log, by.author.control_entry(kind, log, body))
    await by.mirror.pull(by.transport, log)


@asynccontextmanager
async def live(member: Member) -> AsyncIterator[LiveConnection]:
    """A live connection that feeds the member's mirror."""

    async def pull_all() -> None:
        for listing in await member.transport.logs():
            await member.mirror.pull(member.transport, listing.log)

    async def entries(frame: PushFrame) -> None:
        if not member.mirror.push(frame):
            await member.mirror.pull(member.transport, frame.log)

    async def head(frame: PushFrame) -> None:
        if not member.mirror.notice(frame.log, frame.note):
            await member.mirror.pull(member.transport, frame.log)

    connection = LiveConnection(
        member.transport,
        lambda: session.live_auth(member.vault, member.transport),
        on_connected=pull_all,
        on_entries=entries,
        on_head=head,
    )
    running = asyncio.create_task(connection.run())
    try:
        await until(lambda: connection.connected or running.done())
        yield connection
    finally:
        await connection.close()
        await running


async def test_two_members_agree_live_and_after_a_restart(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    officer = await made.enrol(ncp, "FR-014")
    log = await found(made, ncp)
    member = {"person": officer.vault.person, "role": "officer"}
    await control(ncp, log, "members.admit", {"members": [member]})
    updates: list[Update] = []
    officer.mirror.listen(updates.append)
    async with live(officer) as connection:
        assert officer.mirror.head(log) == ncp.mirror.head(log)
        pulled = len(updates)
        for phase in ("prep", "live"):
            await control(ncp, log, "phase.set", {"phase": phase})
        await until(lambda: officer.mirror.head(log) == ncp.mirror.head(log))
        assert len(updates) > pulled
        assert officer.mirror.operation(log).state == ncp.mirror.operation(log).state

        outbox = Outbox(officer.vault, officer.mirror, connection.append, now_ms)
        await made.ncp("ES")  # a directory that the operation has not named yet
        await officer.pull()
        entry = officer.author.control_entry("directory.sync", log, {})
        stored = await outbox.submit(log, entry)
        assert officer.vault.receipts(log) == (stored,)
        await until(lambda: officer.mirror.head(log).size > stored.seq)
        assert officer.vault.promises(log) == ()
    head = officer.mirror.head(log)
    officer.mirror.close()
    again = Mirror.load(officer.vault, officer.vault.path.with_name("FR-014.replica"), now_ms)
    assert again.head(log) == head
    assert not again.alarms()
    again.close()


async def test_a_receipt_that_overtakes_a_checkpoint_is_no_rollback(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    log = await found(made, ncp)
    mirror, transport = ncp.mirror, ncp.transport

    class Overtaken:
        """Gives a checkpoint after an own post was acknowledged under a newer one."""

        async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
            note = await transport.checkpoint(log, least=least)
            await ncp.outbox.submit(log, ncp.author.control_entry("phase.set", log, PREP))
            return note

        async def entries(self, log: LogId, after: int) -> EntriesPage:
            return await transport.entries(log, after)

        tail = transport.tail

    size = mirror.head(log).size
    await mirror.pull(Overtaken(), log)
    assert (mirror.head(log).size, mirror.stopped(log)) == (size, None)
    assert [promise.size for promise in ncp.vault.promises(log)] == [size + 1]
    await mirror.pull(transport, log)
    assert (mirror.head(log).size, mirror.stopped(log)) == (size + 1, None)
    assert ncp.vault.promises(log) == ()


async def test_a_directory_entry_comes_live_too(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    officer = await made.enrol(ncp, "FR-014")
    async with live(officer):
        await made.ncp("ES")
        await ncp.pull()
        await until(lambda: officer.mirror.directory.size == ncp.mirror.directory.size)
    assert officer.mirror.directory.state == ncp.mirror.directory.state


async def test_who_was_removed_reads_up_to_that_and_raises_no_alarm(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    officer = await made.enrol(ncp, "FR-014")
    log = await found(made, ncp)
    member = {"person": officer.vault.person, "role": "officer"}
    await control(ncp, log, "members.admit", {"members": [member]})
    await officer.pull()
    await officer.mirror.pull(officer.transport, log)
    await control(ncp, log, "members.remove", {"persons": [officer.vault.person]})
    left = ncp.mirror.head(log)
    await control(ncp, log, "phase.set", {"phase": "prep"})
    for _ in range(2):
        await officer.mirror.pull(officer.transport, log)
        assert officer.mirror.head(log) == left
    assert officer.vault.person in officer.mirror.operation(log).state.former
    assert not officer.mirror.alarms()
