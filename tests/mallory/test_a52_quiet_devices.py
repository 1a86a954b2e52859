"""A52: an NCP quietly adds a device to one of its people. All are told; it reads nothing before
a coordinator's accept."""

from __future__ import annotations

from cencomm_client.client import Client
from cencomm_client.station import Settings
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.ids import DeviceId
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import one_time_code, opened_by
from tests.mallory.world import ALERTS, ANALYST, CHIEF, CONTACT, DEPUTY, MEMBERS, OFFICER, WARNING
from tests.support.vaults import PASSWORD
from tests.support.waiting import until

QUIET = f"{ANALYST} quiet"


async def quiet_device(stage: Stage) -> DeviceId:
    """The NCP of Belgium invites "its analyst" once more and vouches; the analyst knows nothing
    of it, but for the code that its authenticator shows."""
    contact = await stage.client(CONTACT)
    invitation = await contact.invite(ANALYST)
    settings = Settings(timing=stage.timing, clock=stage.clock)
    client = await Client.enrol(
        invitation, stage.folder / QUIET, PASSWORD, server=stage.server.url, settings=settings
    )
    (vouched,) = await contact.vouch()
    assert vouched.device == client.device
    await client.wait_enrolled(patience_s=5, every_s=0.05)
    await client.login(totp=lambda: one_time_code(stage, ANALYST))
    stage.clients[QUIET] = client
    return DeviceId(client.device)


async def test_it_is_announced_and_reads_nothing(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        device = await quiet_device(stage)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            if code != ANALYST:
                assert "device_added_by_ncp" in stage.notices(code)
        remarks = {remark.code for remark in stage.clients[ANALYST].remarks()}
        assert "own_device_added" in remarks  # the person itself is told first of all
        officer = (await stage.operation(OFFICER)).channel(ALERTS)
        assert await stage.shown(OFFICER)._poster.sender.rotate(officer.id, 2)
        await officer.post("MSG", {"text": "for those we know"})
        await stage.look(*MEMBERS, QUIET)
        assert device not in stage.shown(OFFICER).state.channels[officer.id].epochs[2].recips
        assert stage.texts(ANALYST)[-1] == "for those we know"
        assert stage.texts(QUIET) == []
        assert await opened_by(stage, QUIET, CHIEF) == {}
        stage.quiet(*MEMBERS)


async def test_after_a_coordinators_accept_it_is_healed(stages: Stages) -> None:
    """The coordinator asked the analyst by telephone: then, and from then on, it reads."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        device = await quiet_device(stage)
        await stage.look(*MEMBERS)
        await stage.shown(CHIEF).accept_device(device)
        await stage.clients[CHIEF].go_live()
        await until(lambda: stage.controls(CHIEF, "channel.grant"))
        await stage.look(*MEMBERS, QUIET)
        assert stage.texts(QUIET) == [WARNING]
        for code in MEMBERS:
            (accepted,) = stage.controls(code, "device.accept")
            assert (accepted.author.code, accepted.body["device"]) == (CHIEF, device)
        stage.quiet()


@honest_then_careless
async def test_the_ncp_accepts_it_itself(stages: Stages, appends: type[Appends]) -> None:
    """Or the device speaks for itself: neither counts, and both are named."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        device = await quiet_device(stage)
        await stage.look(*MEMBERS)
        refusals = []
        for who in (CONTACT, QUIET):
            header = stage.header(who, "device.accept", seen=stage.head())
            entry = stage.sign(who, header, {"device": device})
            refusals.append(await stage.offer(who, entry))
            await stage.look(*MEMBERS)
        for code in (CHIEF, DEPUTY, OFFICER):
            assert device not in stage.shown(code).state.accepted_devices
            assert not stage.controls(code, "device.accept")
        assert await opened_by(stage, QUIET, CHIEF) == {}
        if appends is Appends:
            assert set(refusals) <= {ErrorCode.NOT_PERMITTED, ErrorCode.NOT_MEMBER}
            stage.quiet(*MEMBERS)
        else:
            assert refusals == ["", ""]
            stage.expect({"A1"}, CHIEF, DEPUTY, OFFICER)
