"""A54: a directed message is read by the parent channel, with every key that its members hold."""

from __future__ import annotations

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.ids import LogId
from cencomm_server.engine.access import Access
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.runtime import LogRuntime

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.insiders import opened_by
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    AUDITORS,
    BOT,
    CHIEF,
    CONTACT,
    DEPUTY,
    MEMBERS,
    OFFICER,
    OUTSIDER,
    WARNING,
)

SECRET = "the delivery goes through Calais, do not touch it"
INSIDE = (DEPUTY, OFFICER)
OUTSIDE = (CHIEF, CONTACT, ANALYST, OUTSIDER, BOT, *AUDITORS)


async def among_the_french(stage: Stage) -> str:
    """The deputy posts for France alone, within a channel of everybody; gives the new path."""
    await stage.look(*MEMBERS)
    deputy = await stage.operation(DEPUTY)
    place = await deputy.directed(ALERTS, administrations=["FR"])
    await place.post("MSG", {"text": SECRET, "tlp": "RED"})
    await stage.look(*MEMBERS, OUTSIDER, BOT, *AUDITORS)
    return place.name


class Whole(Reading):
    """Gives everybody every entry whole, of all channels. In the place of `Reading`."""

    async def _open(self, reader: Reader, log: LogId) -> tuple[LogRuntime, Access]:
        runtime = await self._logs.get(log)
        return runtime, Access(runtime.size, lambda _seq, _scope: True)


@pytest.mark.parametrize("reading", [Reading, Whole])
async def test_who_is_outside_the_set_opens_nothing_with_every_key(
    stages: Stages, reading: type[Reading]
) -> None:
    """Every secret of its vault and every wrap that the server keeps, on every entry; and a server
    that gives it each entry whole changes nothing."""
    async with stages(Reading=reading) as stage:
        path = await among_the_french(stage)
        assert path == f"{ALERTS}/FR"
        for code in INSIDE:
            assert SECRET in (await opened_by(stage, code, OFFICER)).values()
            assert SECRET in stage.texts(code)
        for code in OUTSIDE:
            assert SECRET not in (await opened_by(stage, code, OFFICER)).values(), code
        for code in (CHIEF, CONTACT, ANALYST):
            assert WARNING in (await opened_by(stage, code, OFFICER)).values()
            assert SECRET not in stage.texts(code)
        stage.quiet(*INSIDE)


async def test_who_leads_the_operation_puts_nobody_into_it(stages: Stages) -> None:
    """A coordinator whom the set leaves out neither changes the list nor admits an expert there."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        deputy = await stage.operation(DEPUTY)
        place = await deputy.directed(ALERTS, people=[ANALYST])
        await place.post("MSG", {"text": SECRET, "tlp": "RED"})
        await stage.look(*MEMBERS)
        chan = place.id
        bodies = {
            "channel.members": {"chan": chan, "add": [stage.person(CHIEF)], "remove": []},
            "members.admit": {
                "members": [{"person": stage.person(OUTSIDER), "role": "expert", "chan": chan}]
            },
        }
        for kind, body in bodies.items():
            entry = stage.sign(CHIEF, stage.header(CHIEF, kind), body)
            assert await stage.offer(CHIEF, entry) == ErrorCode.NOT_PERMITTED
        wrong = stage.shown(CHIEF).directed(ALERTS, people=[OUTSIDER])
        assert await refusal(wrong) == ErrorCode.NOT_MEMBER


async def test_who_leaves_the_parent_reads_no_more_of_it(stages: Stages) -> None:
    async with stages() as stage:
        path = await among_the_french(stage)
        chief = await stage.operation(CHIEF)
        await chief.remove([OFFICER])
        deputy = await stage.operation(DEPUTY)
        later = "Calais it is"
        place = deputy.channel(path)
        await place.post("MSG", {"text": later})
        assert place.state.epoch == 2
        await stage.look(DEPUTY, OFFICER)
        opened = (await opened_by(stage, OFFICER, DEPUTY)).values()
        assert SECRET in opened
        assert later not in opened
