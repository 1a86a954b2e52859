"""Erasure: two administrations decide; then neither server nor devices hold what was said."""

from __future__ import annotations

from cencomm_client import Admission, Message, Operation, OperationPlan
from cencomm_client.errors import ClientCode
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.phases import Phase
from cencomm_server.engine.erasing import Eraser
from cencomm_server.engine.items import sequenced

from tests.lifecycle.ending import close, decide, erase, sweep
from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.world import (
    ALERTS,
    AUDITORS,
    CHIEF,
    DEPUTY,
    HOUR_MS,
    MEMBERS,
    OFFICER,
    OUTSIDER,
    PLAN,
    WARNING,
)
from tests.support.loopback import now_ms
from tests.support.waiting import until


async def sealed_bodies(stage: Stage) -> list[bytes]:
    """Bodies of messages that the server's store has."""
    docs = await stage.server.store.read_entries(stage.log, 0, stage.head().size)
    entries = [sequenced(doc).entry for doc in docs]
    return [
        entry.body_bytes
        for entry in entries
        if entry is not None and entry.header.type == "message" and entry.body_bytes is not None
    ]


def secrets(stage: Stage, code: str) -> int:
    """Epoch secrets of MERIDIAN in a person's vault."""
    held = stage.station(code).vault._contents.epochs
    return sum(log == stage.log for log, _, _ in held)


def files(stage: Stage, code: str) -> bytes:
    """All that is on the disk of a person's device."""
    found = sorted(stage.folder.glob(f"{code}*"))
    return b"".join(path.read_bytes() for path in found if path.is_file())


async def test_after_it_server_and_devices_hold_nothing_that_was_said(stages: Stages) -> None:
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        bodies = await sealed_bodies(stage)
        assert len(bodies) >= 2
        assert any(body[:64] in files(stage, OFFICER) for body in bodies)
        await close(stage)
        await erase(stage)
        assert await sealed_bodies(stage) == []
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            operation = stage.shown(code)
            assert operation.phase is Phase.ERASED
            assert stage.texts(code) == []
            said = stage.messages(code)
            assert said
            assert {item.damage.code for item in said if item.damage} == {ClientCode.BODY_ERASED}
            told = operation.view.feed._emitted
            assert all(item.content is None for item in told if isinstance(item, Message))
            assert secrets(stage, code) == 0
            await stage.leave(code)
            held = files(stage, code)
            assert not [body for body in bodies if body[:64] in held]
        await stage.look(OFFICER)
        stage.quiet(OFFICER)


async def test_the_log_still_verifies_and_replays_from_nothing(stages: Stages) -> None:
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        before = stage.shown(OFFICER).state
        await close(stage)
        await erase(stage)
        await stage.look(*MEMBERS)
        await stage.leave(OFFICER, forgets=True)
        stage.station(CHIEF)
        officer = await stage.operation(OFFICER)
        verdict = await officer.verify()
        assert verdict.ok, verdict.findings
        assert verdict.erased == len(stage.messages(OFFICER))
        assert verdict.root == stage.head().root
        assert officer.state.members.keys() == before.members.keys()
        auditor = await (await stage.client(AUDITORS[0])).operation("MERIDIAN")
        assert (await auditor.verify()).ok
        stage.quiet()


async def test_who_reads_between_the_decision_and_the_server_s_erasing_forgets_too(
    stages: Stages,
) -> None:
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        await close(stage)
        await decide(stage, "erase")
        assert await sealed_bodies(stage) != []
        await stage.leave(OFFICER, forgets=True)
        officer = await stage.operation(OFFICER)
        await officer.refresh()
        assert stage.texts(OFFICER) == []
        assert secrets(stage, OFFICER) == 0
        assert await sweep(stage) > 0
        await officer.refresh()
        assert (await officer.verify()).ok
        stage.quiet()


async def test_a_legal_hold_stops_it_until_two_administrations_lift_it(stages: Stages) -> None:
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        deputy = await stage.operation(DEPUTY)
        held = await deputy.hold("case 4711, Lille")
        await close(stage)
        chief = await stage.operation(CHIEF)
        assert await refusal(chief.propose("erase")) == ErrorCode.HELD
        assert await sweep(stage) == 0
        await decide(stage, "unhold", {"hold": held.leaf})
        await erase(stage)
        assert await sealed_bodies(stage) == []


async def test_one_side_alone_erases_nothing(stages: Stages) -> None:
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        assert await refusal(chief.propose("erase")) == ErrorCode.NOT_CLOSED
        await close(stage)
        proposed = await chief.propose("erase")
        assert await refusal(chief.approve(proposed)) == ErrorCode.SAME_ADMINISTRATION
        assert await sweep(stage) == 0
        await stage.look(OFFICER, OUTSIDER)
        assert stage.texts(OFFICER) == [WARNING, PLAN]
        assert chief.channel(ALERTS).state.epoch


async def test_a_live_client_forgets_by_itself(stages: Stages) -> None:
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        await close(stage)
        officer = await stage.client(OFFICER)
        await officer.go_live()
        assert stage.texts(OFFICER) == [WARNING, PLAN]
        await erase(stage)
        await until(lambda: not stage.texts(OFFICER) and not secrets(stage, OFFICER))
        stage.quiet(OFFICER)


async def test_by_date_a_device_forgets_when_the_server_s_time_says_so_too(stages: Stages) -> None:
    """Own clock alone destroys nothing; and a hold that came in time keeps all."""
    async with stages(Eraser=Eraser) as stage:
        await stage.look(*MEMBERS)
        now = now_ms()
        chief = await stage.client(CHIEF)
        plan = OperationPlan(
            name="ORION",
            not_before=now - 1000,
            not_after=now + HOUR_MS,
            legal="test",
            grace_ms=0,
            erase_at=now + 2 * HOUR_MS,
        )
        made = await chief.create_operation(plan)
        await made.create_channel("work")
        await made.admit([Admission(DEPUTY, "coordinator"), Admission(OFFICER, "officer")])
        for phase in ("prep", "live"):
            await made.set_phase(phase)
        await made.channel("work").post("MSG", {"text": WARNING})
        officer = await (await stage.client(OFFICER)).operation("ORION")
        await officer.refresh()
        stage.ahead_ms = 3 * HOUR_MS
        await officer.refresh()
        assert text_of(officer) == [WARNING]  # nothing is dated after the date yet
        deputy = await (await stage.client(DEPUTY)).operation("ORION")
        held = await deputy.hold("case 4711")
        await officer.refresh()
        assert text_of(officer) == [WARNING]
        await (await stage.client(DEPUTY)).directory.rekey()
        await deputy.approve(await made.unhold(held.leaf))
        await officer.refresh()
        assert text_of(officer) == []
        assert await sweep(stage) > 0
        await stage.leave(OFFICER, forgets=True)
        again = await (await stage.client(OFFICER)).operation("ORION")
        assert (await again.verify()).ok
        stage.quiet()


def text_of(operation: Operation) -> list[str]:
    """What an operation shows as said."""
    said = [item for item in operation.items() if isinstance(item, Message)]
    return [item.content["text"] for item in said if item.content and "text" in item.content]
