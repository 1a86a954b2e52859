"""A3: the server hides a removal or a revocation, so that members go on sealing for who is gone."""

from __future__ import annotations

from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.wire import Sequenced, encode_withheld
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import (
    honest_then_careless,
    honest_then_telling,
    renumbered,
    shape,
    tell,
)
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    CONTACT,
    DEPUTY,
    MEMBERS,
    OFFICER,
    PLAN,
    WARNING,
)


async def remove_the_analyst(stage: Stage) -> None:
    """The chief removes the analyst and goes on, which rotates `alerts`."""
    await stage.look(*MEMBERS)
    chief = await stage.operation(CHIEF)
    await chief.remove([ANALYST])
    await chief.channel(ALERTS).post("MSG", {"text": "without Belgium's analyst"})


def is_removal(item: Sequenced) -> bool:
    return item.entry is not None and item.entry.header.type == "members.remove"


@honest_then_telling
async def test_a_removal_handed_out_as_somebody_elses(
    stages: Stages, reading: type[Reading]
) -> None:
    """The true leaf in the true tree, but 56 bytes of it: control entries are nobody's secret."""
    async with stages(Reading=reading) as stage:
        await remove_the_analyst(stage)

        def withheld(reader: Reader, item: Sequenced, data: bytes) -> bytes:
            return encode_withheld(item) if is_removal(item) else data

        shape(stage, withheld)
        await stage.look(OFFICER)
        officer = await stage.operation(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.person(ANALYST) not in officer.state.members
            assert stage.texts(OFFICER) == [WARNING, PLAN, "without Belgium's analyst"]
            return
        stage.expect({"A3"}, OFFICER)
        assert stage.texts(OFFICER) == [WARNING, PLAN]
        await refuses_to_seal(stage)


async def refuses_to_seal(stage: Stage) -> None:
    """The officer's client signs nothing more here, whatever the server would make of it."""
    operation = await stage.operation(OFFICER)
    posting = operation.channel(ALERTS).post("MSG", {"text": "for whom?"}, patience_s=0.5)
    assert await refusal(posting) == "stopped"
    assert stage.station(OFFICER).vault.outbox() == ()


@honest_then_telling
async def test_a_removal_cut_out_of_the_log(stages: Stages, reading: type[Reading]) -> None:
    """The host signs a log without it; every later entry names the root of the log with it."""
    async with stages(Reading=reading) as stage:
        await remove_the_analyst(stage)
        tell(stage, lambda items: renumbered([item for item in items if not is_removal(item)]))
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == "without Belgium's analyst"
        else:
            stage.expect({"A4"}, OFFICER)  # what shows it is the head in the next header
            assert stage.texts(OFFICER) == [WARNING, PLAN]


@honest_then_telling
async def test_a_suspension_that_the_directory_is_shown_without(
    stages: Stages, reading: type[Reading]
) -> None:
    """The operation's entries name the size of the directory that they rest on."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        before = stage.head(stage.directory).size
        contact = await stage.client(CONTACT)
        await contact.directory.suspend(ANALYST)
        await stage.look(DEPUTY)
        deputy = await stage.operation(DEPUTY)
        await deputy.channel(ALERTS).post("MSG", {"text": "one less"})
        tell(stage, lambda items: items[:before], log=stage.directory, to=OFFICER)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert not stage.station(OFFICER).directory.active_person(stage.person(ANALYST))
            assert stage.texts(OFFICER)[-1] == "one less"
        else:
            stage.expect({"A3"}, OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN]
            await refuses_to_seal(stage)


@honest_then_careless
async def test_a_message_between_the_removal_and_the_next_rotate(
    stages: Stages, appends: type[Appends]
) -> None:
    """Sealed before its author knew, kept back, and played when the removal was in."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        late = stage.message(OFFICER, ALERTS, "who is at the harbour tonight")
        chief = await stage.operation(CHIEF)
        await chief.remove([ANALYST])  # not live: nothing rotates by itself here
        refused = await stage.offer(OFFICER, late)
        await stage.look(CHIEF, DEPUTY, OFFICER)
        for code in (CHIEF, DEPUTY, OFFICER):
            assert stage.texts(code) == [WARNING, PLAN]
        if appends is Appends:
            assert refused == ErrorCode.STALE_EPOCH
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A3"}, CHIEF, DEPUTY, OFFICER)
