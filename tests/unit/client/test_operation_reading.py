"""What a reader is shown: opened, attributed, flagged; damaged ones with their reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.cli.messages import item_line
from cencomm_client.cli.output import Output
from cencomm_client.errors import Unreachable
from cencomm_client.evidence import evidence_folder
from cencomm_client.follow import Feed
from cencomm_client.form_library import FormLibrary, data_folder, read_set
from cencomm_client.items import Alarm, Control, Flag, Item, Message, Notice
from cencomm_client.notices import directory_remarks, standing_remarks
from cencomm_client.profiles import profiles_due
from cencomm_client.verification import SignedHead, gather, verify
from cencomm_config.forms import FormInvalid, base_set
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.profile import Profile, profile_content
from cencomm_crypto.public.entry import author

from tests.support.counter import INSTANT, Desk, Town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def opened(town: Town) -> tuple[Desk, Desk]:
    """Two desks that share the first epoch."""
    one, two = await town.desk(0), await town.desk(1)
    await one.channel(town.chan).post("MSG", {"text": "opened"})
    await two.read()
    return one, two


def last(desk: Desk) -> Message:
    found = [item for item in desk.view.feed.items() if isinstance(item, Message)]
    return found[-1]


async def test_forged_metadata_is_shown_as_forged(town: Town) -> None:
    one, two = await opened(town)
    payload = make_payload("MSG", b"m" * 16, {"text": "calm"}, prio="routine")
    one.force(town.chan, payload, kind="WRN", prio="flash")
    await two.read()
    item = last(two)
    assert Flag.FORGED_METADATA in item.flags
    assert item.forged == ("kind", "prio")
    assert (item.kind, item.prio, item.content) == ("MSG", "routine", {"text": "calm"})


async def test_what_does_not_open_stays_with_its_reason(town: Town) -> None:
    one, two = await opened(town)
    header = one.station.author.header("message", town.counter.log, chan=town.chan, epoch=1)
    town.operation.append(author(header, bytes(328), one.station.vault.device_key))
    await two.read()
    item = last(two)
    assert item.damage is not None
    assert (item.damage.code, item.content) == (ErrorCode.CANNOT_OPEN, None)


async def test_a_wrong_form_is_damaged_and_not_dropped(town: Town) -> None:
    one, two = await opened(town)
    one.force(town.chan, make_payload("SZR", b"m" * 16, {"form": "simple"}), kind="SZR")
    await two.read()
    item = last(two)
    assert item.damage is not None
    assert item.damage.code == "form_invalid"
    assert "office" in item.damage.detail


async def test_every_wrong_field_of_a_form_is_told_in_the_readers_language(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await opened(town)
    content = {"subject": "container", "identifiers": {"container": "CSQU3054384"}}
    one.force(town.chan, make_payload("WRN", b"m" * 16, content), kind="WRN")
    await two.read()
    damage = last(two).damage
    assert damage is not None
    assert [error.path for error in damage.errors] == ["identifiers.container", "action"]
    assert "CSQU3054383" in damage.errors[0].text("fr")
    monkeypatch.setenv("CENCOMM_LANG", "fr")
    line = item_line(last(two), Output(as_json=False), base_set()).plain
    assert "Numéro de conteneur" in line


async def test_an_entry_marked_as_exercise_is_flagged(town: Town) -> None:
    one, two = await opened(town)
    await one.channel(town.chan).post("MSG", {"text": "a drill", "exercise": True})
    await two.read()
    assert Flag.EXERCISE in last(two).flags


async def test_a_form_is_sealed_in_its_normal_form_or_not_at_all(town: Town) -> None:
    one, two = await opened(town)
    channel = one.channel(town.chan)
    wrong = {"subject": "container", "identifiers": {"container": "CSQU3054384"}}
    size = town.operation.log.size
    with pytest.raises(FormInvalid) as refused:
        await channel.post("WRN", wrong, prio="at once")
    assert [error.path for error in refused.value.errors] == [
        *("identifiers.container", "action", "prio"),
    ]
    with pytest.raises(FormInvalid, match="MSG, WRN"):
        await channel.post("XYZ", {"text": "x"})
    assert town.operation.log.size == size
    right = {**wrong, "identifiers": {"container": "csqu 305438-3"}, "action": "control"}
    await channel.post("WRN", right, prio="flash")
    await two.read()
    content = last(two).content
    assert content is not None
    assert content["identifiers"] == {"container": "CSQU3054383"}


async def test_an_operations_own_set_holds_where_it_is_kept(tmp_path: Path) -> None:
    """Who lacks its file is told so, and reads every form with the base set."""
    document = b'{"format": 1, "name": "M", "forms": {"WRN": {"require": ["deadline"]}}}'
    town = Town(tmp_path, forms=read_set(document).hash)
    one, two = await opened(town)
    content = {"subject": "container", "action": "control"}
    assert one.view.lacks_forms
    await one.channel(town.chan).post("WRN", content)
    await two.read()
    assert last(two).damage is None
    FormLibrary(data_folder(one.station.vault.path)).keep(document)
    assert not one.view.lacks_forms
    with pytest.raises(FormInvalid, match="deadline"):
        await one.channel(town.chan).post("WRN", content)
    late = {**content, "deadline": 1_772_371_800_000}
    await one.channel(town.chan).post("WRN", late)
    assert base_set().form("WRN").check(late) == ()


async def test_an_authors_wrong_clock_is_shown(town: Town) -> None:
    one, two = await opened(town)
    payload = make_payload("MSG", b"m" * 16, {"text": "x"})
    one.force(town.chan, payload, time=town.operation.clock - 700_000)
    await two.read()
    assert last(two).flags == frozenset([Flag.TIME_DIFFERS])


async def test_a_second_copy_of_a_mid_is_flagged(town: Town) -> None:
    one, two = await opened(town)
    payload = make_payload("MSG", b"m" * 16, {"text": "x"})
    one.force(town.chan, payload)
    one.force(town.chan, payload)
    await two.read()
    assert last(two).flags == frozenset([Flag.RESEALED])


async def test_what_came_after_a_revocation_is_kept_and_flagged(town: Town) -> None:
    one, two = await opened(town)
    payload = make_payload("MSG", b"m" * 16, {"text": "from a lost phone"})
    town.directory._clock = town.operation.clock - 500
    town.directory.revoke(town.people[0].devices[-1], by=town.ncp.device)
    one.force(town.chan, payload)  # names the directory from before the revocation
    await two.read()
    item = last(two)
    assert item.content == {"text": "from a lost phone"}
    assert Flag.AFTER_REVOCATION in item.flags


async def test_a_revocation_read_later_flags_what_was_shown_before(town: Town) -> None:
    one, two = await opened(town)
    one.force(town.chan, make_payload("MSG", b"m" * 16, {"text": "x"}))
    await two.read()
    assert last(two).flags == frozenset()
    town.directory._clock = last(two).place.at - 1
    town.directory.revoke(town.people[0].devices[-1], by=town.ncp.device)
    await two.station.mirror.pull_directory(two.station.transport)
    two.view.directory_moved(town.directory.state.at)
    assert last(two).flags == frozenset([Flag.AFTER_REVOCATION])


async def test_an_entry_without_effect_is_an_alarm(town: Town) -> None:
    _, two = await opened(town)
    stranger = town.ncp.device
    town.operation.force(town.operation.sealed(town.chan, stranger))
    await two.read()
    alarms = [item for item in two.view.feed.told() if isinstance(item, Alarm)]
    assert [(alarm.code, alarm.row) for alarm in alarms] == [(ErrorCode.NOT_MEMBER, "A1")]
    assert verify(gather(two.station, two.view)).ok is False


async def test_names_come_from_the_own_administration_only(town: Town) -> None:
    one, two = await opened(town)
    other = Profile(town.people[1].id, town.people[1].code, "Not Theirs To Say")
    own = Profile(town.people[0].id, town.people[0].code, "A. Martin")
    await one.poster.seal(
        town.operation.main, make_payload("PRF", b"p" * 16, profile_content([own, other]))
    )
    await two.read()
    assert two.view.names.name(town.people[0].id) == "A. Martin"
    assert two.view.names.name(town.people[1].id) is None
    await one.channel(town.chan).post("MSG", {"text": "named"})
    await two.read()
    assert last(two).author.name == "A. Martin"


async def test_profiles_are_due_once_and_again_for_who_could_not_read_them(town: Town) -> None:
    one, _ = await opened(town)
    await one.poster.preparer.ready(town.operation.main)
    own = Profile(town.people[0].id, town.people[0].code, "A. Martin")

    def due() -> object:
        main = one.view.state.channels[town.operation.main]
        return profiles_due(one.view.standing(), main, one.view.names, [own], INSTANT)

    assert due() is not None
    content = profile_content([own])
    await one.poster.seal(town.operation.main, make_payload("PRF", b"p" * 16, content))
    await one.read()
    assert due() is None
    joiner = town.directory.person(town.people[1].administration)
    town.operation.admit(joiner, "officer")
    await one.read()
    assert due() is None  # the present epoch has nobody new yet
    await one.poster.sender.rotate(town.operation.main, 2)
    assert due() is not None


async def test_verification_counts_and_finds(town: Town) -> None:
    one, two = await opened(town)
    await one.read()
    good = gather(one.station, one.view)
    verdict = verify(good)
    assert (verdict.ok, verdict.findings) == (True, ())
    assert (verdict.size, verdict.signatures) == (town.operation.log.size,) * 2
    assert verdict.root == town.operation.log.tree.root()
    assert verdict.receipts == len(one.station.vault.receipts(town.counter.log)) > 0
    assert verdict.heads > 0
    assert (verdict.readable, verdict.unreadable) == (1, 0)
    theirs = verify(gather(two.station, two.view))
    assert (theirs.root, theirs.trail) == (verdict.root, verdict.trail)

    cut = verify(replace(good, items=good.items[:-1]))
    assert {row.code for row in cut.findings} == {"checkpoint_mismatch", "receipt_forged"}
    shuffled = verify(replace(good, items=(*good.items[:-2], good.items[-1])))
    assert ErrorCode.LOG_DAMAGED in {row.code for row in shuffled.findings}
    note = good.heads[0].note.replace(b"cencomm", b"cencomn", 1)
    forged = verify(replace(good, heads=(SignedHead(good.heads[0].size, note),)))
    assert {row.code for row in forged.findings} == {ErrorCode.BAD_NOTE}
    headless = verify(replace(good, directory=good.directory[:-1]))
    assert not headless.ok


async def test_an_entry_that_the_server_never_covers_becomes_evidence(town: Town) -> None:
    one, _ = await opened(town)
    town.counter.away = True
    with pytest.raises(Unreachable):
        await one.channel(town.chan).post("MSG", {"text": "x"}, patience_s=0.01)
    town.operation.wait(int(INSTANT.evidence_s * 1000) + 1)
    for _ in range(2):
        with pytest.raises(Unreachable):
            await one.poster.flush()
    assert len(list(evidence_folder(one.station.vault.path).iterdir())) == 1
    told = [item.code for item in one.view.feed.told()]
    assert told == ["entry_uncovered"]
    assert len(one.station.vault.outbox()) == 1  # it is still sent again


async def test_the_end_comes_by_itself(town: Town) -> None:
    one, _ = await opened(town)
    town.operation.wait_until(town.operation.state.end + 1)
    await one.runner.tend()
    state = town.operation.state
    assert state.closed_at is not None
    assert state.channels[town.chan].closed_at is not None
    assert 1 in state.channels[town.chan].reveals
    controls = [item.type for item in one.view.feed.items() if isinstance(item, Control)]
    assert controls[-2:] == ["operation.close", "channel.close"]


def test_standing_notices_say_what_is_missing(town: Town) -> None:
    remarks = standing_remarks(town.operation.state, town.directory.state, town.people[0].id)
    assert [remark.code for remark in remarks] == ["no_audit_set", "no_witness"]


def test_a_device_that_an_ncp_adds_is_announced(town: Town) -> None:
    watched = frozenset(person.id for person in town.people)
    person = town.people[1]
    town.directory.device(person)
    told = directory_remarks(
        town.directory.entries[-1], town.directory.state, town.people[0].id, watched
    )
    assert [remark.code for remark in told] == ["device_added_by_ncp"]
    own = directory_remarks(town.directory.entries[-1], town.directory.state, person.id, watched)
    assert [remark.code for remark in own] == ["own_device_added"]
    itself = directory_remarks(
        town.directory.entries[-1],
        town.directory.state,
        person.id,
        watched,
        town.directory.state.persons[person.id].devices[-1],
    )
    assert itself == ()


async def test_a_follower_gets_the_past_in_order_and_then_what_comes() -> None:
    feed, seen = Feed(), []

    def notice(seq: int | None) -> Notice:
        log: Any = b"l" * 16
        return Notice("code", "", log, 0, seq)

    async def follow() -> None:
        async for item in feed.follow(after=1):
            seen.append(item)

    feed.put([notice(0)])
    task = asyncio.create_task(follow())
    await asyncio.sleep(0)
    feed.put([notice(None), notice(0), notice(2)])
    await asyncio.sleep(0)
    feed.put([notice(3)])
    feed.end()
    await task
    found: list[Item] = list(seen)
    assert [item.seq for item in found if isinstance(item, Notice)] == [None, 2, 3]
