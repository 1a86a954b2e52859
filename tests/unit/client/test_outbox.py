"""Own entries are sent until a receipt is verified: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from cencomm_client.authoring import Author, entry_id
from cencomm_client.errors import (
    ClientCode,
    EpochSuperseded,
    LogAlarm,
    NotAuthenticated,
    Refused,
    RefusedByRule,
    TryLater,
    Unreachable,
    refusal,
)
from cencomm_client.mirror import Mirror
from cencomm_client.outbox import Outbox
from cencomm_client.vault import Vault
from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission

from tests.support.directory import DirectoryBuilder
from tests.support.operation import OperationBuilder
from tests.support.served import Served
from tests.support.vaults import PASSWORD, derive, vault_of


class Desk:
    """A member's outbox, and a server that takes each entry once and fails as it is told."""

    def __init__(self, folder: Path) -> None:
        self.directory = DirectoryBuilder()
        self.operation = OperationBuilder(self.directory)
        self.person = self.directory.person(self.directory.administration("FR"))
        self.path = folder / "vault"
        self.vault = vault_of(self.path, self.directory, self.person)
        self.operation.admit(self.person, "officer")
        self.operation.start()
        self.work = self.operation.channel("work")
        self.operation.rotate(self.work)
        self.served = Served(self.directory, self.person)
        self.log = self.served.add(self.operation)
        self.mirror = Mirror.load(self.vault, folder / "replica", self.clock)
        self.author = Author(self.vault, self.mirror, self.clock)
        self.failures: list[Exception] = []
        self.sent: list[bytes] = []
        self.on_disk: list[bool] = []
        self.after: Callable[[], None] = lambda: None
        self.outbox = self.new_outbox()

    def clock(self) -> int:
        return self.operation.clock

    def new_outbox(self) -> Outbox:
        return Outbox(self.vault, self.mirror, self.send, self.clock, jitter=lambda: -0.49)

    async def pull(self) -> None:
        await self.mirror.pull_directory(self.served)
        await self.mirror.pull(self.served, self.log)

    async def send(self, log: LogId, submission: Submission) -> Receipt:
        """Append unless the same bytes are there; fail before or after as told."""
        self.sent.append(submission.encode())
        self.on_disk.append(not self.vault.changed)
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Refused):
            raise failure
        entry = submission.entry()
        places = [item.seq for item in self.operation.entries if item.inner == entry.inner]
        if not places:
            result = self.operation.force(entry)
            if isinstance(result, Rejected):
                raise refusal(result.code, result.detail)
            places = [self.operation.log.size - 1]
        self.after()
        if failure is not None:
            raise failure
        return self.served.receipt(log, places[0])

    async def resend(self) -> None:
        """Submit what waits once more, as `Poster.flush` does."""
        for item in self.vault.outbox(self.log):
            entry = Submission.decode(item.submission).entry()
            await self.new_outbox().submit(self.log, entry, patience_s=0)

    def message(self) -> Entry:
        header = self.author.header("message", self.log, chan=self.work, epoch=1)
        return self.author.sign(header, b"sealed" * 60)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    await made.pull()
    return made


async def test_an_entry_is_on_disk_before_it_is_sent_and_gone_after_its_receipt(desk: Desk) -> None:
    entry = desk.message()
    stored = await desk.outbox.submit(desk.log, entry)
    assert desk.on_disk == [True]
    assert stored.seq == desk.operation.log.size - 1
    assert desk.vault.outbox() == ()
    assert desk.vault.receipt(desk.log, entry.header.id) == stored


async def test_an_answer_that_is_lost_leads_to_the_same_bytes_and_one_entry(desk: Desk) -> None:
    desk.failures = [Unreachable("lost"), TryLater("too_busy"), Unreachable("lost")]
    size = desk.operation.log.size
    stored = await desk.outbox.submit(desk.log, desk.message())
    assert len(desk.sent) == 4
    assert len(set(desk.sent)) == 1
    assert desk.operation.log.size == size + 1
    assert stored.seq == size


async def test_patience_ends_and_the_bytes_stay(desk: Desk) -> None:
    desk.failures = [Unreachable("down")] * 3
    with pytest.raises(Unreachable):
        await desk.outbox.submit(desk.log, desk.message(), patience_s=0)
    assert len(desk.vault.outbox(desk.log)) == 1
    desk.failures = []
    size = desk.operation.log.size
    await desk.resend()
    assert desk.operation.log.size == size  # it had arrived; nothing twice
    assert desk.vault.outbox() == ()


async def test_a_crash_before_the_receipt_sends_the_same_bytes_after_the_restart(
    desk: Desk,
) -> None:
    desk.failures = [Unreachable("crash")]
    with pytest.raises(Unreachable):
        await desk.outbox.submit(desk.log, desk.message(), patience_s=0)
    size = desk.operation.log.size
    desk.vault._lock.release()  # the process is gone; its memory too
    desk.vault = Vault.open(desk.path, PASSWORD, derive=derive)
    desk.mirror.close()
    desk.mirror = Mirror.load(desk.vault, desk.path.with_name("replica"), desk.clock)
    await desk.resend()
    assert desk.operation.log.size == size
    assert [stored.seq for stored in desk.vault.receipts(desk.log)] == [size - 1]
    assert len(set(desk.sent)) == 1


async def test_a_refusal_by_rule_gives_the_bytes_up(desk: Desk) -> None:
    entry = desk.author.control_entry("members.remove", desk.log, {"persons": [desk.person.id]})
    with pytest.raises(RefusedByRule):
        await desk.outbox.submit(desk.log, entry)
    assert desk.vault.outbox() == ()
    assert desk.vault.receipts() == ()


async def test_a_message_is_kept_until_the_log_shows_its_epoch_superseded(desk: Desk) -> None:
    """RULES Headers: the server's word alone does not give a message up."""
    desk.failures = [refusal("stale_epoch", "rotate first")]
    with pytest.raises(EpochSuperseded):
        await desk.outbox.submit(desk.log, desk.message())
    (item,) = desk.vault.outbox()
    desk.failures = [refusal("wrong_epoch", "another epoch")]
    with pytest.raises(EpochSuperseded) as refused:
        await desk.resend()
    assert refused.value.code == "wrong_epoch"
    assert desk.vault.outbox() == (item,)


async def test_an_ended_session_keeps_everything(desk: Desk) -> None:
    desk.failures = [refusal("session_expired", "log in")] * 2
    with pytest.raises(NotAuthenticated):
        await desk.outbox.submit(desk.log, desk.message())
    with pytest.raises(NotAuthenticated):
        await desk.resend()
    assert len(desk.vault.outbox()) == 1


async def test_a_receipt_that_proves_nothing_is_an_alarm_and_the_bytes_stay(desk: Desk) -> None:
    other = desk.operation.log.size - 1

    async def forged(log: LogId, submission: Submission) -> Receipt:
        return desk.served.receipt(log, other)

    outbox = Outbox(desk.vault, desk.mirror, forged, desk.clock)
    with pytest.raises(LogAlarm) as caught:
        await outbox.submit(desk.log, desk.message())
    assert (caught.value.code, caught.value.row) == (ClientCode.RECEIPT_FORGED, "A6")
    assert len(desk.vault.outbox()) == 1
    assert [kept.row for kept in desk.mirror.alarms(desk.log)] == ["A6"]


async def test_many_posts_share_writes_of_the_vault(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    save = Vault.save

    def counted(vault: Vault) -> None:
        nonlocal writes
        writes += vault.changed
        save(vault)

    monkeypatch.setattr(Vault, "save", counted)
    entries = [desk.message() for _ in range(40)]
    stored = await asyncio.gather(*(desk.outbox.submit(desk.log, entry) for entry in entries))
    assert len({item.seq for item in stored}) == 40
    assert writes < 5
    assert all(desk.on_disk[:1])


async def test_an_entry_waits_as_long_as_the_server_asks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    desk.failures = [TryLater("rate_limited", "slowly", retry_after_s=7.0)]
    entry = desk.message()
    monkeypatch.setattr("cencomm_client.outbox.asyncio.sleep", sleep)
    await desk.outbox.submit(desk.log, entry)
    assert 7.0 in slept


def test_entry_ids_are_uuid_version_7_in_the_order_of_time() -> None:
    ids = [entry_id(1_767_225_600_000 + step) for step in range(50)]
    assert ids == sorted(ids)
    assert all(value[6] >> 4 == 7 and value[8] >> 6 == 2 and len(value) == 16 for value in ids)
    assert len({entry_id(0) for _ in range(1000)}) == 1000
