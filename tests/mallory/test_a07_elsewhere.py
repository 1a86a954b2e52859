"""A7: what was sealed for one operation, channel or epoch is replayed into another."""

from __future__ import annotations

from cencomm_client.items import Message
from cencomm_client.plan import OperationPlan
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.wire import Sequenced, Submission, encode_sequenced, sequence
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.wraps import OwnWraps

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_careless, honest_then_telling, shape, tell
from tests.mallory.world import (
    ALERTS,
    CHIEF,
    DEPUTY,
    MEMBERS,
    OFFICER,
    PLAN,
    RAID,
    WARNING,
)


@honest_then_telling
async def test_into_another_operation(stages: Stages, reading: type[Reading]) -> None:
    """A second operation of the same people; the host appends a message of the first to it."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        chief = await stage.client(CHIEF)
        meridian = await stage.operation(CHIEF)
        now = stage.clock()
        plan = OperationPlan("ECHO", now - 1000, now + 3_600_000, legal="the same")
        echo = await chief.create_operation(plan)
        await echo.create_channel(ALERTS)
        size = echo.state.size
        entry = stage.message(CHIEF, ALERTS, "stop the lorry")
        posting = stage.station(CHIEF).transport.append(echo.id, Submission.of(entry))
        assert await refusal(posting) == ErrorCode.WRONG_LOG

        def replayed(items: list[Sequenced]) -> list[Sequenced]:
            return [*items, sequence(len(items), items[-1].at, entry)]

        tell(stage, replayed, log=echo.id)
        shape(stage, lambda reader, item, data: encode_sequenced(item))
        await chief.refresh()
        assert echo.state.size == size
        assert not [item for item in echo.items() if isinstance(item, Message)]
        if reading is Reading:
            stage.quiet()
        else:
            stage.expect({"A7"}, CHIEF)
            mirror = stage.station(CHIEF).mirror
            assert (mirror.stopped(echo.id) is None, mirror.stopped(stage.log)) == (False, None)
        await meridian.channel(ALERTS).post("MSG", {"text": "the first goes on"})


@honest_then_careless
async def test_into_a_later_epoch(stages: Stages, appends: type[Appends]) -> None:
    """Kept back until the channel had another epoch."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        late = stage.message(OFFICER, ALERTS, "stop the lorry")
        chief = await stage.operation(CHIEF)
        assert await chief._poster.sender.rotate(stage.chan(ALERTS), 2)
        refused = await stage.offer(OFFICER, late)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert "stop the lorry" not in stage.texts(code)
        if appends is Appends:
            assert refused == ErrorCode.WRONG_EPOCH
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A7"}, *MEMBERS)


def resealed(stage: Stage, code: str, entry: Entry, chan: ChannelId, epoch: int) -> Entry:
    """The same sealed body under a header of another channel or epoch, signed by a member."""
    assert entry.body_bytes is not None
    return stage.sign(code, stage.header(code, "message", chan=chan, epoch=epoch), entry.body_bytes)


async def test_a_sealed_body_opens_nowhere_else(stages: Stages) -> None:
    """A member in league signs the body anew: the rules let it in, no key opens it."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        alerts, raid = stage.chan(ALERTS), stage.chan(RAID)
        told = stage.message(DEPUTY, ALERTS, "stop the lorry")
        await stage.post(DEPUTY, told)
        moved = resealed(stage, DEPUTY, told, raid, 1)
        await stage.post(DEPUTY, moved)
        chief = await stage.operation(CHIEF)
        assert await chief._poster.sender.rotate(alerts, 2)
        await stage.look(*MEMBERS)
        later = resealed(stage, DEPUTY, told, alerts, 2)
        await stage.post(DEPUTY, later)
        await stage.look(*MEMBERS)
        for code in (CHIEF, DEPUTY, OFFICER):
            assert stage.texts(code) == [WARNING, PLAN, "stop the lorry"]
            damaged = [item for item in stage.messages(code) if item.damage is not None]
            assert [item.id for item in damaged] == [moved.header.id, later.header.id]
            for item in damaged:
                assert item.content is None
                assert item.damage is not None
                assert item.damage.code == ErrorCode.CANNOT_OPEN
        stage.quiet()  # it is no fault of the server's


class Swapping(Reading):
    """Gives out the wraps of another channel in place of those that were asked for."""

    swap: dict[ChannelId, ChannelId]

    async def wraps(self, reader: Reader, log: LogId, chan: ChannelId, n: int) -> OwnWraps:
        return await super().wraps(reader, log, getattr(self, "swap", {}).get(chan, chan), n)


async def test_a_wrap_of_another_channel(stages: Stages) -> None:
    """The device has the key to open it; what it opens is bound to channel and epoch."""
    for reading in (Reading, Swapping):
        async with stages(Reading=reading) as stage:
            await stage.look(CHIEF, DEPUTY, OFFICER)
            alerts, raid = stage.chan(ALERTS), stage.chan(RAID)
            if reading is Swapping:
                stage.server.part(Swapping).swap = {alerts: raid}
            chief = await stage.operation(CHIEF)
            assert await chief._poster.sender.rotate(alerts, 2)
            assert await chief._poster.sender.rotate(raid, 2)
            await chief.channel(ALERTS).post("MSG", {"text": "stop the lorry"})
            await stage.look(OFFICER)
            view = (await stage.operation(OFFICER)).view
            if reading is Reading:
                assert stage.texts(OFFICER)[-1] == "stop the lorry"
                assert view.keyring.held(view.state, alerts) == {1, 2}
                continue
            assert stage.texts(OFFICER) == [WARNING, PLAN]
            assert view.keyring.held(view.state, alerts) == {1}
            assert view.keyring.held(view.state, raid) == {1, 2}
            assert stage.messages(OFFICER)[-1].content is None
            stage.expect({"A18"}, OFFICER)  # the server, or who rotated: it is the same to a reader
