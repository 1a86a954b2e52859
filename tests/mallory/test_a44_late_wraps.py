"""A44: an unsolicited late wrap gives history away, or garbage to a device that needs it.

A late wrap exists only by a `channel.grant` in the log, to a recipient, and every member that
holds the epoch recomputes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.grant import make_grant
from cencomm_crypto.member.wrap import wrap
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.wraps import OwnWraps

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import opened_by, second_device, secret_of
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    DEPUTY,
    MEMBERS,
    OFFICER,
    OUTSIDER,
    WARNING,
)
from tests.support.waiting import until

HONEST = tuple(code for code in MEMBERS if code != DEPUTY)


def grant(
    stage: Stage, code: str, device: DeviceId, **changed: Any
) -> tuple[Entry, Mapping[str, bytes]]:
    """A member's grant of the first epoch of `alerts` to a device; `changed` of its body."""
    secret = secret_of(stage, code, n=1)
    assert secret is not None
    box_pk = stage.station(code).directory.devices[device].box_pk
    body, wrapped = make_grant(secret, device, box_pk)
    wrapped = changed.pop("wrapped", wrapped)
    fields = {**body, "wrap": sha256(wrapped), **changed}
    header = stage.header(code, "channel.grant", chan=stage.chan(ALERTS), epoch=1)
    return stage.sign(code, header, fields), {"wraps": wrapped}


async def test_a_new_device_is_healed_by_itself(stages: Stages) -> None:
    """Everybody honest: whoever is first grants, the phone reads what the laptop reads."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        phone = await second_device(stage, ANALYST)
        await stage.look(phone)
        assert stage.texts(phone) == []
        await stage.clients[CHIEF].go_live()
        await until(lambda: stage.controls(CHIEF, "channel.grant"))
        await stage.look(phone, *MEMBERS)
        assert stage.texts(phone) == [WARNING]
        stage.quiet()


async def test_a_grant_that_does_not_recompute(stages: Stages) -> None:
    """The deputy grants garbage: the members say so, one of them grants anew, the phone reads."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        phone = await second_device(stage, ANALYST)
        await stage.look(DEPUTY, phone)
        device = DeviceId(stage.clients[phone].device)
        entry, beside = grant(stage, DEPUTY, device, wrapped=sha256(b"garbage") * 3 + bytes(16))
        await stage.post(DEPUTY, entry, **beside)  # its hash is right: the server sees nothing
        await stage.look(phone)
        assert stage.texts(phone) == []
        assert {alarm.code for alarm in stage.alarms(phone)} == {"wrap_damaged"}
        stage.expect({"A44"}, phone)
        await stage.clients[CHIEF].go_live()
        await until(lambda: len(stage.controls(CHIEF, "channel.grant")) == 2)
        await stage.look(phone, *MEMBERS)
        assert stage.texts(phone) == [WARNING]
        stage.expect({"A44"}, *HONEST, phone)
        assert all(
            stage.shown(code).state.channels[stage.chan(ALERTS)].epoch == 1 for code in HONEST
        )
        posted = await stage.shown(phone).channel(ALERTS).post("MSG", {"text": "from my phone"})
        await stage.look(OFFICER)
        assert stage.texts(OFFICER)[-1] == "from my phone"
        assert posted.seq


@honest_then_careless
async def test_a_grant_to_somebody_who_is_no_recipient(
    stages: Stages, appends: type[Appends]
) -> None:
    """A member gives an outsider the epoch through the log: it does not count, for nobody."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER)
        entry, beside = grant(stage, DEPUTY, stage.device(OUTSIDER))
        refused = await stage.offer(DEPUTY, entry, **beside)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            epoch = stage.shown(code).state.channels[stage.chan(ALERTS)].epochs[1]
            assert len(epoch.grants) == 0
        if appends is Appends:
            assert refused == ErrorCode.NOT_PERMITTED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A44"}, *MEMBERS)


@honest_then_careless
async def test_a_grant_to_a_box_key_that_is_not_the_devices(
    stages: Stages, appends: type[Appends]
) -> None:
    """The analyst's device by name, the host's key by content."""
    host = BoxKey.from_seed(sha256(b"the host's"))
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        device, secret = stage.device(ANALYST), secret_of(stage, DEPUTY)
        assert secret is not None
        wrapped = wrap(secret, device, host.public)
        entry, beside = grant(stage, DEPUTY, device, box_pk=host.public, wrapped=wrapped)
        refused = await stage.offer(DEPUTY, entry, **beside)
        await stage.look(*MEMBERS)
        if appends is Appends:
            assert refused == ErrorCode.NOT_PERMITTED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A44"}, *MEMBERS)
        assert all(stage.texts(code)[0] == WARNING for code in MEMBERS)


class Handing(Reading):
    """Hands out, as a device's own wrap of any epoch, what a test laid down for it.

    In the place of `Reading`.
    """

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self.laid: dict[DeviceId, bytes] = {}
        self.asked: list[tuple[DeviceId, int]] = []

    async def wraps(self, reader: Reader, log: LogId, chan: ChannelId, n: int) -> OwnWraps:
        self.asked.append((reader.device, n))
        if reader.device in self.laid:
            return OwnWraps(self.laid[reader.device], ())
        return await super().wraps(reader, log, chan, n)


async def test_a_true_wrap_without_a_grant_is_not_even_asked_for(stages: Stages) -> None:
    """Host and deputy wrap an epoch to the phone behind the log's back: its client has no use
    for it, and nobody's client takes the phone for a reader of that epoch."""
    async with stages(Reading=Handing) as stage:
        await stage.look(*MEMBERS)
        phone = await second_device(stage, ANALYST)
        await stage.look(DEPUTY)
        device, secret = DeviceId(stage.clients[phone].device), secret_of(stage, DEPUTY)
        assert secret is not None
        box_pk = stage.station(DEPUTY).directory.devices[device].box_pk
        server = stage.server.part(Handing)
        server.laid[device] = wrap(secret, device, box_pk)
        await stage.look(phone)
        assert stage.texts(phone) == []
        assert not [n for asked, n in server.asked if asked == device]
        assert await opened_by(stage, phone, CHIEF) == {}
        entry, beside = grant(stage, DEPUTY, device)
        await stage.post(DEPUTY, entry, **beside)
        await stage.look(phone, *MEMBERS)
        assert stage.texts(phone) == [WARNING]  # by the grant, the same wrap is good
        stage.quiet()


async def test_another_epochs_wrap_in_the_place_of_the_own_one(stages: Stages) -> None:
    """The host hands the analyst, which is owed epoch 2, its old wrap of epoch 1."""
    async with stages(Reading=Handing) as stage:
        await stage.look(*MEMBERS)
        server, device = stage.server.part(Handing), stage.device(ANALYST)
        secret = secret_of(stage, DEPUTY)
        assert secret is not None
        box_pk = stage.station(DEPUTY).directory.devices[device].box_pk
        sender = stage.shown(OFFICER)._poster.sender
        assert await sender.rotate(stage.chan(ALERTS), 2)
        server.laid[device] = wrap(secret, device, box_pk)
        await stage.look(ANALYST)
        assert secret_of(stage, ANALYST, n=2) is None
        stage.expect({"A18"}, ANALYST)
        server.laid.clear()
        await stage.look(ANALYST)
        assert secret_of(stage, ANALYST, n=2) is not None
