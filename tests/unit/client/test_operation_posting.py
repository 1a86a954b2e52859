"""Posting against a server that races, loses answers and goes away: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cencomm_client.automation.timing import Due, Schedule
from cencomm_client.errors import NotAuthenticated, Refused, TryLater, Unreachable
from cencomm_client.evidence import evidence_folder
from cencomm_client.items import Alarm, Flag, Message
from cencomm_client.vault import Vault
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.public.entry import Entry

from tests.support.counter import Counter, Desk, Town
from tests.support.directory import HeldDevice
from tests.support.operation import CLOSES, GRACE
from tests.support.vaults import PASSWORD, derive


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def messages(counter: Counter) -> list[Entry]:
    return [
        item.entry
        for item in counter.operation.entries
        if item.entry is not None and item.entry.header.type == "message"
    ]


async def say(desk: Desk, town: Town, text: str, patience_s: float = 1.0) -> bytes:
    posted = await desk.channel(town.chan).post("MSG", {"text": text}, patience_s=patience_s)
    return posted.leaf


async def test_the_first_post_opens_the_channel_and_others_read_it(town: Town) -> None:
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "hello")
    await two.read()
    assert two.texts() == ["hello"]
    item = next(item for item in two.view.feed.items() if isinstance(item, Message))
    assert (item.author.code, item.flags) == (town.people[0].code, frozenset())


async def test_a_lost_answer_is_asked_again_and_the_message_stands_once(town: Town) -> None:
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "first")
    town.counter.lose = 2
    await say(one, town, "second", patience_s=5)
    assert len(messages(town.counter)) == 2
    assert one.station.vault.outbox() == ()
    await two.read()
    assert two.texts() == ["first", "second"]


async def test_a_message_that_loses_the_race_is_sealed_anew_with_its_mid(town: Town) -> None:
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "opened")
    await two.read()

    async def remove(entry: Entry) -> None:
        town.operation.remove(town.people[2])

    town.counter.before = remove
    posted = await two.channel(town.chan).post("MSG", {"text": "raced"})
    assert town.operation.state.channels[town.chan].epoch == 2
    assert len(messages(town.counter)) == 2
    await one.read()
    assert one.texts() == ["opened", "raced"]
    last = [item for item in one.view.feed.items() if isinstance(item, Message)][-1]
    assert (last.mid, last.epoch, last.flags) == (posted.mid, 2, frozenset())


async def test_what_was_accepted_before_the_race_is_not_sealed_twice(town: Town) -> None:
    one = await town.desk(0)
    await say(one, town, "opened")
    town.counter.lose = 1
    original = town.counter.take

    async def overtaken(submission: object) -> int:
        """Take it, lose the answer, and let a rotation come before the client asks again."""
        try:
            return await original(submission)  # type: ignore[arg-type]
        except Unreachable:
            town.operation.remove(town.people[2])
            raise

    town.counter.take = overtaken  # type: ignore[method-assign]
    posted = await one.channel(town.chan).post("MSG", {"text": "once"}, patience_s=5)
    assert [entry.header.id for entry in messages(town.counter)][-1] == posted.receipt.id
    await one.read()
    assert one.texts() == ["opened", "once"]


async def test_what_a_post_needs_first_is_waited_for_no_longer_than_the_post(town: Town) -> None:
    """The channel's first epoch has to be made, and no answer comes."""
    one = await town.desk(0)

    async def refuse(entry: Entry) -> None:
        town.counter.before = refuse
        raise TryLater("clock_jumped", "not now")

    town.counter.before = refuse
    async with asyncio.timeout(5):
        with pytest.raises(TryLater):
            await say(one, town, "too early", patience_s=0.2)


async def test_without_a_server_the_bytes_wait_and_go_out_in_order(town: Town) -> None:
    one = await town.desk(0)
    await say(one, town, "opened")
    town.counter.away = True
    for text in ("a", "b"):
        with pytest.raises(Unreachable):
            await say(one, town, text, patience_s=0.05)
    waiting = one.station.vault.outbox()
    assert len(waiting) == 2
    town.counter.away = False
    await one.poster.flush()
    await one.read()
    assert one.texts() == ["opened", "a", "b"]
    assert [entry.header.id for entry in messages(town.counter)][1:] == [i.id for i in waiting]
    assert one.station.vault.outbox() == ()


async def test_a_crash_between_sending_and_the_receipt_loses_nothing(town: Town) -> None:
    one = await town.desk(0)
    await say(one, town, "opened")
    town.counter.lose = 10
    with pytest.raises(Unreachable):
        await say(one, town, "taken, answer lost", patience_s=0.01)
    town.counter.away = True
    with pytest.raises(Unreachable):
        await say(one, town, "never sent", patience_s=0.01)
    one.close()
    town.counter.away, town.counter.lose = False, 0
    town.vaults[0] = Vault.open(town.folder / "0.vault", PASSWORD, derive=derive)
    again = await town.desk(0)
    await again.poster.flush()
    await again.read()
    assert again.texts() == ["opened", "taken, answer lost", "never sent"]
    assert again.station.vault.outbox() == ()


async def left_behind(town: Town) -> Desk:
    """A desk whose message waits while the channel gets another epoch; it has not read that."""
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "opened")
    await two.read()
    town.counter.away = True
    with pytest.raises(Unreachable):
        await say(two, town, "late", patience_s=0.01)
    town.counter.away = False
    await one.poster.decide("members.remove", {"persons": [town.people[2].id]})
    await one.runner.tend()
    return two


@pytest.mark.parametrize("anew", [False, True])
async def test_what_waits_when_the_session_is_over_waits_on(town: Town, anew: bool) -> None:
    """Nothing was said of the entry: it is not called refused, sealed anew or not."""
    two = await left_behind(town)
    if anew:
        await two.read()

    async def refuse(entry: Entry) -> None:
        raise NotAuthenticated("not_authenticated", "log in again")

    town.counter.before = refuse
    with pytest.raises(NotAuthenticated):
        await two.poster.flush()
    assert len(two.station.vault.outbox()) == 1
    await two.read()
    await two.poster.flush()
    await two.read()
    assert two.texts() == ["opened", "late"]


async def test_what_waited_through_a_rotation_is_sealed_anew(town: Town) -> None:
    two = await left_behind(town)
    assert town.operation.state.channels[town.chan].epoch == 2
    await two.read()
    await two.poster.flush()
    await two.read()
    assert two.texts() == ["opened", "late"]
    assert Flag.RESEALED not in [
        flag for item in two.view.feed.items() if isinstance(item, Message) for flag in item.flags
    ]


async def test_what_waits_for_a_key_goes_out_as_soon_as_the_key_is_here(town: Town) -> None:
    """And not only when the back-off of the last try is over, which may be a minute."""
    two = await left_behind(town)
    await two.poster.sender.pull()  # the new epoch is known, its key is not here
    schedule = Schedule(lambda least, most: most, (60.0, 60.0))

    def flushes(now_s: float) -> list[Due]:
        return [need for need in schedule.ready(two.runner.due(), now_s) if need.key[0] == "flush"]

    (flush,) = flushes(0.0)
    schedule.tried(flush, 0.0)
    assert flushes(1.0) == []
    await two.read()
    assert len(flushes(2.0)) == 1


async def test_what_waits_lets_an_idle_channel_catch_up(town: Town) -> None:
    """Although nothing else moved since nothing was due."""
    one = await town.desk(0)
    await say(one, town, "opened")
    await one.runner.tend()
    assert not list(one.runner.due())
    town.operation.clock += one.station.timing.epoch_age_ms
    assert not list(one.runner.due())
    entry = one.poster._sealer.seal(town.chan, make_payload("MSG", bytes(16), {"text": "late"}))
    assert entry is not None
    town.counter.away = True
    with pytest.raises(Unreachable):
        await one.poster.sender.submit(entry, patience_s=0.01)
    assert [need.key[0] for need in one.runner.due()] == ["flush", "rotate"]


async def test_no_write_of_the_vault_is_without_a_message_that_is_sealed_anew(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after any of them finds the message in the outbox, or in the log."""
    two = await left_behind(town)
    await two.read()
    vault, save, written = two.station.vault, two.station.vault.save, []

    def saved() -> None:
        save()
        written.append(bool(vault.outbox()) or len(messages(town.counter)) == 2)

    monkeypatch.setattr(vault, "save", saved)
    await two.poster.flush()
    assert written
    assert all(written)
    assert vault.outbox() == ()


async def test_two_that_flush_at_once_seal_what_waited_anew_once(town: Town) -> None:
    """A post and the automation both find the same bytes; the second must not seal them again."""
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "opened")
    await two.read()
    town.counter.away = True
    for text in ("first", "second"):
        with pytest.raises(Unreachable):
            await say(two, town, text, patience_s=0.01)
    town.counter.away = False
    await one.poster.decide("members.remove", {"persons": [town.people[2].id]})
    await one.runner.tend()
    await two.read()
    await asyncio.gather(two.poster.flush(), two.poster.flush(), two.poster.flush())
    await two.read()
    assert sorted(two.texts()) == ["first", "opened", "second"]


async def test_what_missed_the_end_is_kept_as_a_file(town: Town) -> None:
    one = await town.desk(0)
    await say(one, town, "opened")
    town.counter.away = True
    with pytest.raises(Unreachable):
        await say(one, town, "too late", patience_s=0.01)
    town.operation.wait_until(CLOSES + GRACE + 1)
    town.counter.away = False
    await one.poster.flush()
    assert one.station.vault.outbox() == ()
    files = list(evidence_folder(one.station.vault.path).iterdir())
    assert len(files) == 1
    assert b"too late" not in files[0].read_bytes()
    codes = [item.code for item in one.view.feed.told()]
    assert codes == ["message_late"]


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("read_first", [False, True])
async def test_what_waits_when_the_operation_is_suspended_goes_out_after_it(
    tmp_path: Path, rotated: bool, read_first: bool
) -> None:
    """A report written offline; meanwhile a drill: suspended, somebody removed, new keys."""
    town = Town(tmp_path, members=4)
    one, two, three = [await town.desk(place) for place in range(3)]
    await one.poster.decide("role.set", {"person": town.people[1].id, "role": "coordinator"})
    await say(one, town, "opened")
    await three.read()
    town.counter.away = True
    with pytest.raises(Unreachable):
        await say(three, town, "four seizures", patience_s=0.01)
    town.counter.away = False
    await one.poster.decide("operation.suspend", {})
    if rotated:
        await one.poster.decide("members.remove", {"persons": [town.people[3].id]})
        await one.runner.tend()
    if read_first:
        await three.read()
    for _ in range(2):
        await three.poster.flush()
        await three.read()
    assert len(three.station.vault.outbox()) == 1
    assert [item.code for item in three.view.feed.told()] == []
    proposed = await two.poster.decide("resume.propose", {})
    await one.poster.decide("resume.approve", {"proposal": proposed.leaf})
    await three.read()
    await three.poster.flush()
    await one.read()
    assert one.texts() == ["opened", "four seizures"]
    assert three.station.vault.outbox() == ()


async def test_what_a_person_posts_in_a_suspension_is_refused_and_does_not_come_later(
    town: Town,
) -> None:
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "opened")
    await two.read()

    async def suspend(entry: Entry) -> None:
        await one.poster.decide("operation.suspend", {})

    town.counter.before = suspend
    with pytest.raises(Refused) as refused:
        await two.channel(town.chan).post("MSG", {"text": "refused"})
    assert refused.value.code == ErrorCode.WRONG_PHASE
    assert two.station.vault.outbox() == ()


async def test_this_client_refuses_by_itself_after_the_window(town: Town) -> None:
    one = await town.desk(0)
    await say(one, town, "opened")
    taken = len(town.counter.taken)
    town.operation.wait_until(CLOSES + 1)
    with pytest.raises(ProtocolError) as refused:
        await say(one, town, "late")
    assert refused.value.code == ErrorCode.OUT_OF_WINDOW
    assert len(town.counter.taken) == taken


async def test_work_stays_out_of_the_main_channel(town: Town) -> None:
    one = await town.desk(0)
    with pytest.raises(ProtocolError) as refused:
        await one.channel(town.operation.main).post("MSG", {"text": "work"})
    assert refused.value.code == ErrorCode.NOT_PERMITTED


async def test_a_removed_member_posts_nothing(town: Town) -> None:
    one, three = await town.desk(0), await town.desk(2)
    await say(one, town, "opened")
    await three.read()
    await one.poster.decide("members.remove", {"persons": [town.people[2].id]})
    with pytest.raises((ProtocolError, Refused)) as refused:
        await say(three, town, "still here", patience_s=0.1)
    assert refused.value.code in (ErrorCode.NOT_MEMBER, ErrorCode.STALE_EPOCH, "too_busy")
    assert [entry.header.type for entry in messages(town.counter)] == ["message"]


async def test_a_decision_that_lost_the_race_is_signed_anew(town: Town) -> None:
    one = await town.desk(0)

    async def other(entry: Entry) -> None:
        town.operation.remove(town.people[2])

    town.counter.before = other
    await one.poster.decide("members.remove", {"persons": [town.people[1].id]})
    assert set(town.operation.state.members) == {town.people[0].id}


async def test_a_wrap_that_does_not_open_is_flagged_and_rotated_away(town: Town) -> None:
    one, two = await town.desk(0), await town.desk(1)
    two.window.garbled.add(1)
    await say(one, town, "opened")
    await say(two, town, "answer")
    channel = town.operation.state.channels[town.chan]
    assert channel.epoch == 2
    await two.runner.tend()
    await one.read()
    assert one.texts() == ["opened", "answer"]


async def test_a_false_rotate_is_named_flagged_and_superseded(town: Town) -> None:
    one, two = await town.desk(0), await town.desk(1)
    made = make_rotation(
        town.operation.state, town.chan, town.directory.state, town.operation.draw(), None
    )
    body = {**made.body, "drop_pk": bytes(31) + b"\x01"}
    entry = town.operation.author(
        "channel.rotate", body, town.people[2].devices[0], chan=town.chan, epoch=1
    )
    town.operation.append(entry)
    recips = town.operation.state.channels[town.chan].epochs[1].recips
    for place, device in enumerate(recips):
        wrap = made.wraps[place * 112 : (place + 1) * 112]
        town.counter.wraps[town.chan, 1, device] = wrap
    await two.read()
    alarms = [item for item in two.view.feed.told() if isinstance(item, Alarm)]
    assert [(alarm.code, alarm.row) for alarm in alarms] == [("rotation_mismatch", "A18")]
    await two.runner.tend()
    channel = town.operation.state.channels[town.chan]
    assert (channel.epoch, channel.epochs[2].p) == (2, 0)
    assert 1 in channel.flagged
    await say(two, town, "good again")
    await one.read()
    assert one.texts() == ["good again"]


async def test_a_new_device_reads_the_past_after_its_grant(town: Town) -> None:
    one, two = await town.desk(0), await town.desk(1)
    await say(one, town, "before the phone")
    await two.read()
    vault = Vault.create(
        town.folder / "phone.vault",
        PASSWORD,
        directory_id=town.directory.id32,
        account=town.people[1].code,
        person=town.people[1].id,
        server_url="https://cencomm.example",
        derive=derive,
    )
    device = HeldDevice(town.people[1].id, vault.device_key, vault.box_key)
    voucher = town.people[1].devices[-1]
    town.directory.append(
        town.directory.author("device.add", town.directory.device_body(device), voucher)
    )
    phone = await town.counter.desk(town.folder, town.people[1], vault)
    await phone.read()
    assert phone.texts() == []
    damaged = [item for item in phone.view.feed.items() if isinstance(item, Message)]
    assert [item.damage.code for item in damaged if item.damage] == [ErrorCode.NO_EPOCH_KEY]
    await one.read()
    await one.runner.tend()
    await phone.read()
    assert phone.texts() == ["before the phone"]
    versions = [item for item in phone.view.feed._emitted if isinstance(item, Message)]
    assert len(versions) == 2  # first as damaged, then readable, under the same leaf
    assert versions[0].place == versions[1].place
