"""An administration leaves a running operation: people, keys, tasks and role are handed on."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from cencomm_client import Admission, Control
from cencomm_client.errors import SuccessorNeeded
from cencomm_client.posting import Posted
from cencomm_client.root import ceremony
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import Role

from tests.lifecycle.said import task
from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.insiders import opened_by
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    CONTACT,
    DEPUTY,
    MEMBERS,
    OFFICER,
    PLAN,
    RAID,
    WARNING,
)

LATER = "without France"


def epochs(state: OperationState) -> dict[str, int]:
    return {channel.name: channel.epoch for channel in state.channels.values()}


async def test_its_people_go_in_one_entry_with_one_rotation_per_channel(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        before, size = epochs(chief.state), chief.state.size
        done = await chief.offboard("FR", successor=CONTACT)
        assert done.removed == (DEPUTY, OFFICER)
        assert set(done.rotated) == {ALERTS, RAID}
        after = epochs(chief.state)
        assert [after[name] - before[name] for name in (ALERTS, RAID)] == [1, 1]
        items = chief.items(size)
        kinds = [item.type for item in items if isinstance(item, Control)]
        assert kinds.count("members.remove") == 1
        await chief.channel(ALERTS).post("MSG", {"text": LATER})
        await stage.look(*MEMBERS)
        assert LATER not in (await opened_by(stage, OFFICER, CHIEF)).values()
        assert stage.texts(ANALYST) == [WARNING, LATER]
        assert stage.texts(OFFICER) == [WARNING, PLAN]  # its past stays readable, for all
        assert stage.texts(CHIEF) == [WARNING, PLAN, LATER]
        stage.quiet()


async def test_channels_that_who_does_it_does_not_read_are_named_too(stages: Stages) -> None:
    """It sees no epoch of theirs: their members' clients make the new keys."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, officer = await stage.operation(CHIEF), await stage.operation(OFFICER)
        between = await officer.directed(ALERTS, people=[ANALYST])
        await between.post("MSG", {"text": "for you alone", "tlp": "RED"})
        done = await chief.offboard("BE")
        assert done.waiting == (between.name,)
        await chief.channel(RAID).close()  # it gets no new keys any more
        done = await chief.offboard("FR")
        assert RAID not in (*done.rotated, *done.waiting)


async def test_who_is_admitted_while_it_goes_on_goes_too(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        await chief.remove([OFFICER])
        remove, racing = chief.remove, [OFFICER]

        async def meanwhile(codes: Iterable[str]) -> Posted:
            posted = await remove(codes)
            if racing:
                await chief.admit([Admission(racing.pop(), "officer")])
            return posted

        monkeypatch.setattr(chief, "remove", meanwhile)
        done = await chief.offboard("FR", successor=CONTACT)
        assert done.removed == (DEPUTY, OFFICER)
        france = stage.station(CHIEF).directory.administration_by_code("FR")
        assert france is not None
        assert not [one for one in chief.members() if one.admin == france.id]
        stage.quiet()


async def test_two_sides_are_left_to_decide(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        size = stage.head().size
        with pytest.raises(SuccessorNeeded, match=CONTACT):
            await chief.offboard("FR")
        assert await refusal(chief.offboard("FR", successor=OFFICER)) == ErrorCode.NOT_MEMBER
        assert await refusal(chief.offboard("NL")) == ErrorCode.NOT_MEMBER
        assert await refusal(chief.offboard("XX")) == ErrorCode.UNKNOWN_ADMINISTRATION
        assert stage.head().size == size
        done = await chief.offboard("FR", successor=ANALYST)
        assert done.successor == ANALYST
        assert chief.state.role_of(stage.person(ANALYST)) is Role.COORDINATOR
        proposed = await chief.propose("close")
        await (await stage.operation(ANALYST)).approve(proposed)


async def test_its_open_tasks_are_listed_and_handed_on(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        place = chief.channel(ALERTS)
        theirs = await place.post("TSK", task("FR"))
        also = await place.post("TSK", task("RILO", mandatory=False), to=[OFFICER])
        await place.post("TSK", task("BE", mandatory=False))
        listed = await chief.offboard("FR", successor=CONTACT)
        assert [row.leaf for row in listed.tasks] == [theirs.leaf, also.leaf]
        await chief.admit([Admission(DEPUTY, "officer")])
        wrong = chief.offboard("FR", tasks_to="XX")
        assert await refusal(wrong) == ErrorCode.UNKNOWN_ADMINISTRATION
        for nobody in ("FR", "NL"):  # who leaves itself, and who is not there
            wrong = chief.offboard("FR", tasks_to=nobody)
            assert await refusal(wrong) == ErrorCode.NOT_MEMBER
        again = await chief.offboard("FR", tasks_to="BE")
        assert (again.tasks, [row.leaf for row in again.handed_on]) == ((), [theirs.leaf])
        found = [(row.assignee, row.mandatory) for row in chief.open_tasks()]
        assert found == [("RILO", False), ("BE", False), ("BE", True)]


async def test_its_sessions_end_with_its_suspension_by_the_governance_root(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        done = await chief.offboard("FR", successor=CONTACT)
        assert set(done.active) == {stage.device(DEPUTY), stage.device(OFFICER)}
        france = stage.station(CHIEF).directory.administration_by_code("FR")
        assert france is not None
        await stage.govern(ceremony.suspend_administration(france.id))
        for code in (DEPUTY, OFFICER):
            client = await stage.client(code)
            assert await refusal(client.refresh()) in ("not_authenticated", "session_expired")


async def test_its_own_contact_point_takes_it_out_and_ends_its_people_s_sessions(
    stages: Stages,
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        deputy = await stage.operation(DEPUTY)
        done = await deputy.offboard("FR", successor=CONTACT)
        assert done.removed == (OFFICER, DEPUTY)  # who does it goes last
        assert done.revoked == (stage.device(OFFICER),)
        assert done.active == (stage.device(DEPUTY),)
        officer = await stage.client(OFFICER)
        assert await refusal(officer.refresh()) in ("not_authenticated", "session_expired")
        assert stage.texts(DEPUTY) == [WARNING, PLAN]
        chief = await stage.operation(CHIEF)
        await chief.channel(RAID).post("MSG", {"text": LATER})
        assert LATER not in (await opened_by(stage, OFFICER, CHIEF)).values()


async def test_cut_off_half_way_it_goes_on_when_it_is_called_again(stages: Stages) -> None:
    """The role is handed on, and then the server is gone."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        await chief.set_role(CONTACT, "coordinator")
        done = await chief.offboard("FR", successor=CONTACT)
        assert done.removed == (DEPUTY, OFFICER)
        await interrupted(stage)


async def interrupted(stage: Stage) -> None:
    """Nobody of France is left: said so, nothing posted."""
    size = stage.head().size
    chief = await stage.operation(CHIEF)
    assert await refusal(chief.offboard("FR")) == ErrorCode.NOT_MEMBER
    assert stage.head().size == size


async def test_one_that_the_governance_root_suspended_first_goes_likewise(stages: Stages) -> None:
    """New keys once per channel, though its devices were ended before its people were removed."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        before = epochs(chief.state)
        france = stage.station(CHIEF).directory.administration_by_code("FR")
        assert france is not None
        await stage.govern(ceremony.suspend_administration(france.id))
        done = await chief.offboard("FR", successor=CONTACT)
        assert (done.removed, done.active) == ((DEPUTY, OFFICER), ())
        after = epochs(chief.state)
        assert [after[name] - before[name] for name in (ALERTS, RAID)] == [1, 1]
        await chief.channel(ALERTS).post("MSG", {"text": LATER})
        await stage.look(CONTACT)
        assert stage.texts(CONTACT) == [WARNING, LATER]
        stage.quiet(CHIEF, CONTACT)


async def test_cut_off_after_its_people_went_their_sessions_still_end(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        deputy = await stage.operation(DEPUTY)

        async def cut(*_: object) -> None:
            raise ConnectionError

        with monkeypatch.context() as patched:
            patched.setattr("cencomm_client.offboarding._revoke", cut)
            with pytest.raises(ConnectionError):
                await deputy.offboard("FR", successor=CONTACT)
        done = await deputy.offboard("FR", successor=CONTACT)
        assert done.removed == ()
        assert done.revoked == (stage.device(OFFICER),)
