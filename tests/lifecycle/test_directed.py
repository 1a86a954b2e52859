"""Directed channels as people use them: found or made for exactly a set, shown in their parent."""

from __future__ import annotations

import asyncio

import pytest
from cencomm_client import Admission, Flag, Message, Operation
from cencomm_client.cli.documents import operation_document
from cencomm_client.cli.messages import within
from cencomm_client.directed import split_circle
from cencomm_client.errors import NotDirected
from cencomm_client.work import authoring
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.payload import make_payload

from tests.lifecycle.said import DELIVERY, QUESTION, WARNED, task
from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    CONTACT,
    DEPUTY,
    MEMBERS,
    OFFICER,
    OUTSIDER,
    RAID,
)

PLAN = "we let it run to Lille"


async def test_a_set_has_one_channel_and_another_set_another(stages: Stages) -> None:
    async with stages() as stage:
        deputy, officer = await stage.operation(DEPUTY), await stage.operation(OFFICER)
        first = await deputy.directed(ALERTS, administrations=["FR"])
        await first.post("MSG", {"text": PLAN})
        size = stage.head().size
        again = await officer.directed(ALERTS, administrations=["FR", "FR"])
        assert (again.id, stage.head().size) == (first.id, size)
        listed = await officer.directed(ALERTS, people=[DEPUTY])
        assert listed.id != first.id  # the same people now, but not whoever joins France later
        other = await deputy.directed(ALERTS, people=[OFFICER, ANALYST])
        mixed = await deputy.directed(ALERTS, people=[OFFICER], administrations=["BE"])
        assert len({first.id, listed.id, other.id, mixed.id}) == 4
        inside = {member.person for member in deputy.members()} & set(mixed.state.members or ())
        assert inside == {stage.person(code) for code in (DEPUTY, OFFICER, CONTACT, ANALYST)}


async def test_of_an_administration_that_was_not_named_the_author_alone_reads(
    stages: Stages,
) -> None:
    async with stages() as stage:
        officer = await stage.operation(OFFICER)
        place = await officer.directed(ALERTS, administrations=["BE", "RILO"])
        members = {stage.person(code) for code in (OFFICER, CHIEF, CONTACT, ANALYST)}
        assert set(place.state.members or ()) == members


async def test_racing_makers_end_in_one_channel(stages: Stages) -> None:
    async with stages() as stage:
        made = await asyncio.gather(
            *[
                (await stage.operation(code)).directed(ALERTS, people=[DEPUTY, OFFICER, CHIEF])
                for code in (CHIEF, DEPUTY, OFFICER)
            ]
        )
        assert len({place.id for place in made}) == 1
        await asyncio.gather(*(place.post("MSG", {"text": PLAN}) for place in made))
        await stage.look(CHIEF, DEPUTY, OFFICER)
        assert [stage.texts(code).count(PLAN) for code in (CHIEF, DEPUTY, OFFICER)] == [3, 3, 3]


async def test_a_name_that_a_member_gave_to_another_set_leads_nobody_there(
    stages: Stages,
) -> None:
    """Who answers in "alerts/FR" is not read by whom somebody else listed under that name."""
    async with stages() as stage:
        analyst, deputy = await stage.operation(ANALYST), await stage.operation(DEPUTY)
        trap = await analyst.create_channel("FR", members=[DEPUTY, OFFICER], parent=ALERTS)
        await deputy.refresh()
        assert deputy.channel(f"{ALERTS}/FR").id == trap.id  # the only one, as everybody sees
        right = await deputy.directed(ALERTS, administrations=["FR"])
        assert right.id != trap.id
        with pytest.raises(ProtocolError) as refused:
            deputy.channel(f"{ALERTS}/FR")
        assert refused.value.code == ErrorCode.BAD_VALUE
        assert right.id.hex() in refused.value.detail
        assert deputy.channel(right.id.hex()).id == right.id
        chief = await stage.operation(CHIEF)
        await chief.create_channel(f"{ALERTS}/BE", roles=["coordinator", "officer", "analyst"])
        await analyst.directed(ALERTS, administrations=["BE"])
        assert await refusal(_named(analyst, f"{ALERTS}/BE")) == ErrorCode.BAD_VALUE


async def _named(operation: Operation, name: str) -> None:
    await operation.refresh()
    operation.channel(name)


async def test_of_two_that_somebody_made_all_take_the_first(stages: Stages) -> None:
    async with stages() as stage:
        deputy = await stage.operation(DEPUTY)
        made = [
            await deputy.create_channel("FR", administrations=["FR"], parent=ALERTS)
            for _ in range(2)
        ]
        for code in (DEPUTY, OFFICER):
            found = await (await stage.operation(code)).directed(ALERTS, administrations=["FR"])
            assert found.id == made[0].id
        officer = await stage.operation(OFFICER)
        assert officer.channel(f"{ALERTS}/FR").id == made[0].id


async def test_what_is_for_a_few_is_posted_in_a_directed_channel_alone(stages: Stages) -> None:
    async with stages() as stage:
        chief = await stage.operation(CHIEF)
        await chief.admit([Admission(OUTSIDER, "expert", channel=ALERTS)])
        for kind, content, to in (
            ("MSG", {"text": PLAN, "tlp": "RED"}, []),
            ("CDN", DELIVERY, []),
            ("EXP", QUESTION, [OUTSIDER]),
        ):
            with pytest.raises(NotDirected, match="--to-only"):
                await chief.channel(RAID).post(kind, content, to=to)
        await chief.channel(ALERTS).post("MSG", {"text": "x", "tlp": "AMBER"}, to=[ANALYST])
        place = await chief.directed(ALERTS, people=[OUTSIDER])
        await place.post("EXP", {**QUESTION, "tlp": "RED"}, to=[OUTSIDER])


async def test_whom_a_channel_does_not_reach_is_not_told_in_vain(stages: Stages) -> None:
    """A warning to who does not read it, a task for who is not there: its author would wait."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        size = stage.head().size
        raid = chief.channel(RAID)
        for kind, content, to in (
            ("WRN", WARNED, [ANALYST]),  # a member, not of this channel
            ("WRN", WARNED, [OFFICER, OUTSIDER]),  # in no operation
            ("TSK", task("BE"), []),
            ("TSK", task("XX"), []),
        ):
            with pytest.raises(ProtocolError, match="would not read it") as refused:
                await raid.post(kind, content, to=to)
            assert refused.value.code == ErrorCode.NOT_MEMBER
        assert stage.head().size == size
        await raid.post("TSK", task("BE", state="cancelled"))  # of who has left since
        other = await stage.operation(DEPUTY)  # admits somebody whom the chief has not seen yet
        await other.admit([Admission(OUTSIDER, "officer")])
        await chief.channel(ALERTS).post("WRN", WARNED, to=[OUTSIDER])


async def test_a_controlled_delivery_is_read_by_those_that_it_names_alone(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        place = await chief.directed(ALERTS, people=[DEPUTY, OFFICER])
        size = stage.head().size
        with pytest.raises(NotDirected, match=f"{OFFICER} would read it"):
            await place.post("CDN", {**DELIVERY, "recipients": [DEPUTY]})
        with pytest.raises(ProtocolError, match=f"{ANALYST} would not read it"):
            await place.post("CDN", {**DELIVERY, "recipients": ["FR", ANALYST]})
        assert stage.head().size == size
        told = await place.post("CDN", {**DELIVERY, "recipients": [DEPUTY, OFFICER]})
        with pytest.raises(NotDirected, match=OFFICER):
            await authoring.correct(chief, told.leaf, {"recipients": [DEPUTY]}, "fewer")


async def test_one_posted_elsewhere_all_the_same_is_valid_and_flagged(stages: Stages) -> None:
    """By a program that does not ask: readers are told (DESIGN 2, client rules)."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        payload = make_payload("CDN", b"m" * 16, DELIVERY)
        await chief._poster.seal(stage.chan(ALERTS), payload)
        place = await chief.directed(ALERTS, administrations=["RILO", "FR"])
        await place.post("CDN", DELIVERY)
        await stage.look(OFFICER)
        shown = [item for item in stage.messages(OFFICER) if item.kind == "CDN"]
        assert [Flag.NOT_DIRECTED in item.flags for item in shown] == [True, False]
        stage.quiet()


async def test_nothing_more_is_said_within_a_channel_that_was_closed(stages: Stages) -> None:
    """The rules of the log cannot ask for it: who does not read the parent could not follow."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        place = await chief.directed(ALERTS, administrations=["RILO", "FR"])
        await place.post("MSG", {"text": "before", "tlp": "RED"})
        officer = await stage.operation(OFFICER)
        await officer.refresh()
        await chief.channel(ALERTS).close()
        await officer.refresh()
        size = stage.head().size
        for channel in (place.id, officer.channel(ALERTS).id):
            with pytest.raises(ProtocolError, match="was closed at") as refused:
                await officer.channel(channel.hex()).post("MSG", {"text": "after"})
            assert refused.value.code == ErrorCode.CLOSED
        with pytest.raises(ProtocolError, match="was closed at"):
            await officer.directed(ALERTS, people=[ANALYST])
        with pytest.raises(ProtocolError, match="was closed at"):
            await officer.create_channel("more", members=[ANALYST], parent=ALERTS)
        assert stage.head().size == size
        document = operation_document(officer, officer.directory)
        closed = {row["channel"]: row["closed"] for row in document["channels"]}
        assert closed[place.id] == closed[officer.channel(ALERTS).id] is not None


async def test_it_is_shown_within_its_parent(stages: Stages) -> None:
    async with stages() as stage:
        await directed_and_not(stage)
        officer = stage.shown(OFFICER)
        wanted = within(officer, officer.channel(ALERTS).id)
        assert wanted is not None
        said = [item for item in officer.items() if isinstance(item, Message) and item.kind]
        names = [item.channel_name for item in said if wanted(item.channel)]
        assert names == [ALERTS, f"{ALERTS}/FR"]
        document = operation_document(officer, stage.station(OFFICER).directory)
        listed = [row["name"] for row in document["channels"]]
        assert listed == ["main", ALERTS, f"{ALERTS}/FR", RAID]
        assert document["channels"][2]["parent"] == officer.channel(ALERTS).id


async def directed_and_not(stage: Stage) -> None:
    deputy = await stage.operation(DEPUTY)
    await (await deputy.directed(ALERTS, administrations=["FR"])).post("MSG", {"text": PLAN})
    await stage.look(OFFICER)


async def test_a_set_is_named_by_codes_that_exist_and_are_inside(stages: Stages) -> None:
    async with stages() as stage:
        deputy = await stage.operation(DEPUTY)
        directory = stage.station(DEPUTY).directory
        assert split_circle(directory, ["FR", ANALYST]) == ([ANALYST], ["FR"])
        with pytest.raises(ProtocolError) as raised:
            split_circle(directory, ["XX"])
        assert raised.value.code == ErrorCode.UNKNOWN_PERSON
        size = stage.head().size
        for wrong, code in (
            ({"administrations": ["XX"]}, ErrorCode.UNKNOWN_ADMINISTRATION),
            ({"people": ["FR-999"]}, ErrorCode.UNKNOWN_PERSON),
            ({"people": [OUTSIDER]}, ErrorCode.NOT_MEMBER),
            ({"administrations": ["NL"]}, ErrorCode.NOT_MEMBER),
            ({"administrations": ["FR", "NL"]}, ErrorCode.NOT_MEMBER),
            ({"people": [DEPUTY]}, ErrorCode.BAD_VALUE),
            ({}, ErrorCode.BAD_VALUE),
        ):
            assert await refusal(deputy.directed(ALERTS, **wrong)) == code, wrong
        assert await refusal(deputy.directed("none", people=[OFFICER])) == ErrorCode.UNKNOWN_CHANNEL
        assert stage.head().size == size


async def test_an_administration_of_the_author_alone_is_no_set(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        alone = chief.directed(ALERTS, administrations=["RILO"])
        assert await refusal(alone) == ErrorCode.NOT_MEMBER
        with_france = await chief.directed(ALERTS, administrations=["RILO", "FR"])
        rule = with_france.state.rule
        assert rule is not None
        assert len(rule.admins) == 2
