"""Results of own hits, on a real log, vault and queue: opened, told once, never an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from cencomm_client.bots.answers import Answers
from cencomm_client.bots.bot import queue_key, queue_path
from cencomm_client.bots.checking import checked
from cencomm_client.bots.dropping import Disk
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.source import RawHit
from cencomm_client.cli.triage_commands import _row, hit_document
from cencomm_client.errors import LogAlarm, QueueUnwritable
from cencomm_client.triage import Ground, dismissal, hits_of
from cencomm_crypto.member.result import make_result, seal_result
from cencomm_crypto.public.entry import author
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.wire import Sequenced

from tests.support.bot_process import hit
from tests.support.counter import Desk, Town
from tests.support.deployment import now_ms
from tests.support.directory import HeldDevice
from tests.support.talk import warning
from tests.support.vaults import vault_of

SOURCE = "gates"


class Post:
    """A bot at a busy channel; `drops` what it posted, in its queue and in the log."""

    def __init__(self, folder: Path) -> None:
        self.town = Town(folder, members=2)
        directory, fr = self.town.directory, self.town.people[0].administration
        self.bot = directory.person(fr, "FR-BOT-1", kind="bot")
        self.vault = vault_of(folder / "bot.vault", directory, self.bot)
        self.town.operation.admit_bot(self.bot, self.town.chan)
        self.opened: list[Disk] = []

    async def lay(self) -> Post:
        self.officer, self.desk = await self.town.desk(1), await self._desk()
        await self.officer.channel(self.town.chan).post("MSG", {"text": "opened"})
        await self.desk.read()
        self.disk = self.queue()
        return self

    async def _desk(self) -> Desk:
        return await self.town.counter.desk(self.town.folder, self.bot, self.vault)

    def queue(self) -> Disk:
        path = queue_path(self.vault.path, self.town.counter.log)
        self.opened.append(Disk(Queue(path, queue_key(self.vault), self.town.counter.log)))
        return self.opened[-1]

    def answers(self, disk: Disk | None = None) -> Answers:
        return Answers(self.desk.station, self.desk.view, disk or self.disk)

    async def drop(self, key: str) -> tuple[int, int, bytes]:
        """Take a hit and post it; the queue does not know yet where it stands."""
        taken = checked(RawHit(key, {**hit(0), "dedupe": key}), "HIT", now_ms())
        (kept,) = await self.disk(lambda queue: queue.put(SOURCE, [taken], 1))
        posted = await self.desk.channel(self.town.chan).drop("HIT", taken.content)
        return kept.row, posted.seq, posted.leaf

    async def landed(self, key: str) -> bytes:
        """A hit whose place the queue knows; its leaf."""
        row = await self.drop(key)
        await self.disk(lambda queue: queue.end(posted=[row]))
        return row[2]

    async def decided(
        self, drop: bytes, outcome: str = "promoted", *, box: BoxKey | None = None
    ) -> Sequenced:
        """A result for a drop, sealed and signed by the officer; to the bot's present key if none
        is given. The bot has read it then."""
        await self.officer.read()
        station, log = self.officer.station, self.town.counter.log
        header = station.author.header("drop.result", log, chan=self.town.chan)
        key = (self.vault.box_key if box is None else box).public
        said = make_result(outcome)
        body = seal_result(header, drop, self.vault.device, key, said, drop)
        item = self.town.operation.append(author(header, body, station.vault.device_key))
        await self.desk.read()
        return item

    async def rekey(self) -> None:
        """A new box key; the old one stays in the vault for a while."""
        directory, vault = self.town.directory, self.vault
        key = vault.add_box_key(directory.state.size)
        device = HeldDevice(self.bot.id, vault.device_key, key)
        directory.append(directory.author("device.rekey", {"box_pk": key.public}, device))
        await self.desk.station.mirror.pull_directory(self.desk.station.transport)

    def close(self) -> None:
        for disk in self.opened:
            disk.close()
        self.desk.close()
        self.officer.close()


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    made = await Post(tmp_path).lay()
    yield made
    made.close()


async def told(answers: Answers) -> list[tuple[str, str]]:
    """Hand on what is new, as a bot does: its source hears it, then the disk."""
    found = await answers.new()
    for answer in found:
        assert answer.source == SOURCE
        await answers.told(answer)
    return [(answer.result.key, answer.result.outcome) for answer in found]


async def test_a_result_is_told_once_with_the_key_and_place_of_its_hit(post: Post) -> None:
    answers = post.answers()
    leaf = await post.landed("one")
    assert await answers.new() == []
    item = await post.decided(leaf, "merged")
    (answer,) = await answers.new()
    result = answer.result
    assert (result.key, result.outcome, result.leaf) == ("one", "merged", leaf)
    assert (result.seq, result.at) == (item.seq, item.at)
    await answers.told(answer)
    assert await answers.new() == []


async def test_a_bot_is_told_by_which_entry_people_decided_or_that_none_is_to_be_seen(
    post: Post,
) -> None:
    """Any sender may post the first result: one of nobody's decision, or that says otherwise."""
    answers = post.answers()
    leaves = [await post.landed(f"hit {n}") for n in range(4)]
    alpha = post.officer.channel(post.town.chan)
    await post.officer.read()
    dismissed = await alpha.post("HIT", dismissal(ground=Ground.NO_FINDING), re=leaves[0])
    promoted = await alpha.post("WRN", warning(promotes=leaves[1]), re=leaves[1])
    for leaf, outcome in zip(leaves[:3], ("dismissed", "promoted", "dismissed"), strict=True):
        await post.decided(leaf, outcome)
    await alpha.post("HIT", dismissal(ground=Ground.NO_FINDING), re=leaves[2])  # too late
    await alpha.post("WRN", warning(promotes=leaves[3]), re=leaves[3])
    await post.decided(leaves[3], "dismissed")
    found = {answer.result.key: answer.result.decision for answer in await answers.new()}
    assert found == {"hit 0": dismissed.seq, "hit 1": promoted.seq, "hit 2": None, "hit 3": None}


async def test_members_see_a_result_that_nobody_had_decided(post: Post) -> None:
    leaves = [await post.landed(f"hit {n}") for n in range(3)]
    alpha = post.officer.channel(post.town.chan)
    await post.officer.read()
    decision = await alpha.post("HIT", dismissal(ground=Ground.NO_FINDING), re=leaves[0])
    for leaf in leaves[:2]:
        await post.decided(leaf, "dismissed")
    await post.officer.read()
    await alpha.post("WDR", {"target": decision.leaf, "reason": "x"})  # it was one then
    await post.officer.read()
    found = hits_of(post.officer.view.feed.items())
    assert [(one.told is None, one.unfounded) for one in found] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    result = found[1].told
    assert result is not None
    told = hit_document(found[1])["told"]
    assert told == {"seq": result.place.seq, "by": "DE-002", "unfounded": True}
    assert "DE-002" in _row(found[1], "en")[-1]
    assert _row(found[0], "en")[-1] == ""


async def test_a_result_to_a_former_box_key_still_opens(post: Post) -> None:
    """Sealed before the re-key, or by who had not seen it."""
    answers = post.answers()
    first, second = await post.landed("one"), await post.landed("two")
    former = post.vault.box_key
    await post.rekey()
    assert post.vault.box_key.public != former.public
    await post.decided(first, box=former)
    await post.decided(second, "dismissed")
    assert await told(answers) == [("one", "promoted"), ("two", "dismissed")]
    assert answers.unopened == 0


async def test_a_key_that_was_retired_opens_nothing_and_stops_nothing(post: Post) -> None:
    answers = post.answers()
    first, second = await post.landed("one"), await post.landed("two")
    former = post.vault.box_key
    await post.rekey()
    post.vault.retire_box_key(former.public)
    await post.decided(first, box=former)
    await post.decided(second)
    assert await told(answers) == [("two", "promoted")]
    assert answers.unopened == 1


async def test_a_result_that_opens_under_no_key_is_counted_once_and_never_raised(
    post: Post,
) -> None:
    answers = post.answers()
    first, second = await post.landed("one"), await post.landed("two")
    await post.decided(first, box=BoxKey.from_seed(b"a stranger's key, of 32 bytes...."[:32]))
    assert await told(answers) == []
    assert answers.unopened == 1
    await post.decided(second)
    assert await told(answers) == [("two", "promoted")]
    assert await told(answers) == []
    assert answers.unopened == 1


async def test_a_result_for_another_bot_is_no_business_of_this_one(post: Post) -> None:
    answers = post.answers()
    other = post.town.directory.person(post.bot.administration, "FR-BOT-2", kind="bot")
    post.town.operation.admit_bot(other, post.town.chan)
    await post.desk.read()
    drop = post.town.operation.current("drop", b"sealed", post.town.chan, other)
    leaf = post.town.operation.append(drop).leaf
    body = {"re": leaf, "device": other.device.id, "box": bytes(304)}
    by, chan = post.town.people[1], post.town.chan
    post.town.operation.append(post.town.operation.author("drop.result", body, by, chan=chan))
    await post.desk.read()
    assert await told(answers) == []
    assert answers.unopened == 0


async def test_a_restart_between_hearing_and_keeping_tells_again_and_after_it_never(
    post: Post,
) -> None:
    answers = post.answers()
    leaf = await post.landed("one")
    await post.decided(leaf)
    (answer,) = await answers.new()  # the source hears it, and the process dies
    post.opened.pop().close()
    post.disk = post.queue()
    again = post.answers()
    assert await again.new() == [answer]
    await again.told(answer)
    post.opened.pop().close()
    assert await told(post.answers(post.queue())) == []


async def test_a_result_waits_until_the_queue_knows_its_hit(post: Post) -> None:
    """The receipt was lost; the log has the drop, and its result, before the queue has."""
    answers = post.answers()
    row = await post.drop("one")
    await post.decided(row[2])
    assert await told(answers) == []
    await post.disk(lambda queue: queue.end(posted=[row]))
    assert await told(answers) == [("one", "promoted")]


async def test_a_log_restored_from_a_backup_is_looked_at_anew(post: Post) -> None:
    """What was lost counts for nothing, what was told is not told again, the new word is heard."""
    answers = post.answers()
    first, second = await post.landed("one"), await post.landed("two")
    third = await post.landed("three")
    await post.decided(first)
    assert await told(answers) == [("one", "promoted")]
    lost = await post.decided(second, "promoted")
    await post.decided(third, box=BoxKey.from_seed(b"?" * 32))
    (answer,) = await answers.new()  # its source was not there to hear it
    assert answer.result.leaf == second
    operation, log = post.town.operation, post.town.counter.log
    operation.restore(lost)
    for desk in (post.desk, post.officer):
        with pytest.raises(LogAlarm):
            await desk.poster.sender.pull()
        assert desk.station.mirror.go_on(log)
        await desk.poster.sender.pull()
    assert await told(answers) == []
    assert answers.unopened == 1
    await post.decided(second, "dismissed")
    assert await told(answers) == [("two", "dismissed")]
    assert await told(answers) == []


async def test_a_result_told_over_a_full_disk_is_not_told_again_and_kept_when_there_is_room(
    post: Post,
) -> None:
    answers = post.answers()
    leaf = await post.landed("one")
    await post.decided(leaf)

    def limit(pages: int) -> Callable[[Queue], object]:
        return lambda queue: queue._db.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    def crowd(queue: Queue) -> None:
        for number in range(400):  # what fills the room that is left
            queue.keep_answered(number.to_bytes(32, "big"))

    (answer,) = await answers.new()
    await post.disk(limit(1))
    with suppress(QueueUnwritable):
        await post.disk(crowd)
    await answers.told(answer)
    assert leaf not in await post.disk(Queue.answered)
    assert await answers.new() == []
    await post.disk(limit(1_000_000))
    assert await answers.new() == []
    assert leaf in await post.disk(Queue.answered)
    assert await post.answers().new() == []  # nor after a restart


async def test_results_that_wait_for_another_source_cost_the_disk_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that ran with a folder and now has a webhook looks every second, for weeks."""
    answers = post.answers()
    for key in ("one", "two", "three"):
        await post.decided(await post.landed(key))
    look, looked = Queue.hit_at, list[bytes]()

    def counted(self: Queue, leaf: bytes) -> tuple[str, str] | None:
        looked.append(leaf)
        return look(self, leaf)

    monkeypatch.setattr(Queue, "hit_at", counted)
    for _ in range(5):
        assert len(await answers.new()) == 3
    assert len(looked) == 3
