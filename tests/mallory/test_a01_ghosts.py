"""A1: the server adds a ghost member or device. Nobody wraps to it, and everybody says so."""

from __future__ import annotations

from dataclasses import replace

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.links import context_at
from cencomm_crypto.member.rotation import Rotation, make_rotation
from cencomm_crypto.member.wrap import WRAP_SIZE, open_wrap
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, device_id, enrol_message
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.world import ALERTS, ANALYST, MEMBERS, OFFICER, OUTSIDER, RAID, WARNING


@honest_then_careless
async def test_a_ghost_member(stages: Stages, appends: type[Appends]) -> None:
    """The host has somebody of its own enrolled, who now admits itself."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER)
        ghost = stage.person(OUTSIDER)
        body = {"members": [{"person": ghost, "role": "officer"}]}
        entry = stage.sign(OUTSIDER, stage.header(OUTSIDER, "members.admit"), body)
        refused = await stage.offer(OUTSIDER, entry)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert ghost not in (await stage.operation(code)).state.members
            assert OUTSIDER not in {
                item.author.code for item in stage.controls(code, entry.header.type)
            }
        assert stage.device(OUTSIDER) not in await next_recipients(stage)
        await opens_nothing(stage, OUTSIDER)
        if appends is Appends:
            assert refused == ErrorCode.NOT_MEMBER
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A1"}, *MEMBERS)


@honest_then_careless
async def test_a_ghost_device_of_a_member(stages: Stages, appends: type[Appends]) -> None:
    """The host adds a device of its own to the officer, vouched for by somebody it has."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER)
        sign, box = SigningKey.from_seed(b"g" * 32), BoxKey.from_seed(b"h" * 32)
        officer, station = stage.person(OFFICER), stage.station(OUTSIDER)
        message = enrol_message(station.vault.directory_id, officer, box.public)
        proof = sign.sign(SigType.ENROL, message)
        body = {"person": officer, "sign_pk": sign.public, "box_pk": box.public, "proof": proof}
        refused = await stage.offer(OUTSIDER, station.author.directory_entry("device.add", body))
        await stage.look(*MEMBERS)
        ghost = device_id(sign.public)
        for code in MEMBERS:
            directory = stage.station(code).directory
            assert directory.device(ghost) is None
            assert directory.persons[officer].devices == (stage.device(OFFICER),)
        assert ghost not in await next_recipients(stage)
        if appends is Appends:
            assert refused == ErrorCode.NOT_PERMITTED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A1"}, *MEMBERS)


@honest_then_careless
async def test_a_ghost_among_the_recipients(stages: Stages, appends: type[Appends]) -> None:
    """A member in league with the host rotates for one more; the rotate is sound in itself."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER)
        made = await rotation_for_one_more(stage, ANALYST, OUTSIDER)
        header = stage.header(ANALYST, "channel.rotate", chan=stage.chan(ALERTS), epoch=made.n)
        entry = stage.sign(ANALYST, header, made.body)
        refused = await stage.offer(ANALYST, entry, wraps=made.wraps, shares=made.shares)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert (await stage.operation(code)).channel(ALERTS).state.epoch == 1
            assert stage.texts(code)[0] == WARNING
        assert stage.device(OUTSIDER) not in await next_recipients(stage)
        if appends is Appends:
            assert refused == ErrorCode.BAD_COUNT
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A1"}, *MEMBERS)


async def next_recipients(stage: Stage) -> tuple[DeviceId, ...]:
    """To whom the officer's client wraps the next epoch of `alerts`; all read it."""
    operation = await stage.operation(OFFICER)
    channel = operation.channel(ALERTS)
    n = channel.state.epoch + 1
    assert await operation._poster.sender.rotate(channel.id, n)
    await stage.look(*MEMBERS)
    for code in MEMBERS:
        view = (await stage.operation(code)).view
        assert view.keyring.judged(channel.id, n).verdict == "good"
    return channel.state.epochs[n].recips


async def rotation_for_one_more(stage: Stage, code: str, ghost: str) -> Rotation:
    """What a member's device makes of a state in which somebody is a member who is not."""
    view, directory = (await stage.operation(code)).view, stage.station(code).directory
    state, chan = view.state, stage.chan(ALERTS)
    model = state.members[stage.person(code)]
    person = stage.person(ghost)
    state = replace(state, members=state.members.insert(person, replace(model, person=person)))
    return make_rotation(state, chan, directory, b"r" * 32, view.keyring.newest_good(state, chan))


async def opens_nothing(stage: Stage, code: str) -> None:
    """With every wrap that the server keeps, this person's device opens no epoch."""
    state = (await stage.operation(OFFICER)).state
    runtime = await stage.server.logs.operation(stage.log)
    key = stage.station(code).vault.box_key
    tried = 0
    for name in (ALERTS, RAID):
        channel = state.channels[stage.chan(name)]
        for n, epoch in channel.epochs.items():
            inner = runtime.wrapped_by(epoch.seq)
            assert inner is not None
            kept = await stage.server.store.wraps(stage.log, channel.id, n, inner)
            assert kept is not None
            for start in range(0, len(kept.wraps), WRAP_SIZE):
                found = kept.wraps[start : start + WRAP_SIZE]
                try:
                    open_wrap(found, key, context_at(state, channel.id, n), epoch.commit)
                except ProtocolError:
                    tried += 1
                    continue
                raise AssertionError(f"{code} opens epoch {n} of {name}")
    assert tried > 10
