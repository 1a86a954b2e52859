"""A21, A55: a proposal is approved twice, late, or by the same side; auditors change quietly.

Two coordinators of two administrations decide, at the approve; everybody is shown both entries,
and a new audit set makes every channel rotate before anything more is sealed.
"""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import rotation, secret_of
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
    WINDOW_MS,
)

LATE_MS = 73 * HOUR_MS


def auditors(stage: Stage, *codes: str) -> dict[str, Any]:
    """An audit set of these people, all of whom it takes."""
    return {"audit": {"persons": [stage.person(code) for code in codes], "k": len(codes)}}


async def proposed(stage: Stage, subject: str, body: dict[str, Any]) -> bytes:
    """The chief proposes; everybody reads it. The leaf to approve."""
    await stage.look(*MEMBERS)
    posted = await (await stage.operation(CHIEF)).propose(subject, body)
    await stage.look(*MEMBERS)
    return posted.leaf


async def approved(stage: Stage, code: str, subject: str, leaf: bytes) -> str:
    """Somebody's device signs the approval, whatever its client would say; the refusal."""
    kind = f"{subject}.approve"
    entry = stage.sign(code, stage.header(code, kind), {"proposal": leaf})
    refused = await stage.offer(code, entry)
    await stage.look(*MEMBERS)
    return refused


def window(stage: Stage) -> int:
    return stage.shown(OFFICER).state.window[1]


async def longer(stage: Stage) -> dict[str, Any]:
    await stage.look(OFFICER)
    return {"not_after": window(stage) + WINDOW_MS}


def judged(stage: Stage, appends: type[Appends], refused: str, code: str, row: str) -> None:
    """Refused by an honest server, noticed by everybody where it was not."""
    if appends is Appends:
        assert refused == code
        stage.quiet()
    else:
        assert not refused
        stage.expect({row}, *MEMBERS)


async def test_two_administrations_extend_the_window(stages: Stages) -> None:
    async with stages() as stage:
        body = await longer(stage)
        leaf = await proposed(stage, "window", body)
        assert not await approved(stage, DEPUTY, "window", leaf)
        for code in MEMBERS:
            assert stage.shown(code).state.window[1] == body["not_after"]
            assert len(stage.controls(code, "window.propose")) == 1
            assert len(stage.controls(code, "window.approve")) == 1
        stage.quiet()


@honest_then_careless
async def test_one_side_approves_its_own_proposal(stages: Stages, appends: type[Appends]) -> None:
    async with stages(Appends=appends) as stage:
        body = await longer(stage)
        before = window(stage)
        leaf = await proposed(stage, "window", body)
        refused = await approved(stage, CHIEF, "window", leaf)
        assert {stage.shown(code).state.window[1] for code in MEMBERS} == {before}
        judged(stage, appends, refused, ErrorCode.SAME_ADMINISTRATION, "A55")


@honest_then_careless
async def test_a_proposal_approved_twice(stages: Stages, appends: type[Appends]) -> None:
    """Consent once given would lift every later hold, too."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        leaf = await proposed(stage, "window", await longer(stage))
        assert not await approved(stage, DEPUTY, "window", leaf)
        after = window(stage)
        refused = await approved(stage, DEPUTY, "window", leaf)
        assert {stage.shown(code).state.window[1] for code in MEMBERS} == {after}
        judged(stage, appends, refused, ErrorCode.PROPOSAL_SPENT, "A55")


@honest_then_careless
async def test_a_proposal_approved_after_three_days(stages: Stages, appends: type[Appends]) -> None:
    async with stages(Appends=appends) as stage:
        await stage.look(OFFICER)
        body = {"not_after": window(stage) + 2 * LATE_MS}
        leaf = await proposed(stage, "window", body)
        assert not await approved(stage, DEPUTY, "window", leaf)
        first = window(stage)
        leaf = await proposed(stage, "window", {"not_after": first + WINDOW_MS})
        stage.ahead_ms += LATE_MS
        refused = await approved(stage, DEPUTY, "window", leaf)
        assert {stage.shown(code).state.window[1] for code in MEMBERS} == {first}
        judged(stage, appends, refused, ErrorCode.PROPOSAL_EXPIRED, "A55")


@honest_then_careless
async def test_a_proposal_that_nobody_made(stages: Stages, appends: type[Appends]) -> None:
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        before = window(stage)
        refused = await approved(stage, DEPUTY, "window", sha256(b"never"))
        assert {stage.shown(code).state.window[1] for code in MEMBERS} == {before}
        judged(stage, appends, refused, ErrorCode.UNKNOWN_PROPOSAL, "A55")


# -- the audit set (A21) ------------------------------------------------------------------------


async def test_a_new_audit_set_is_shown_and_forces_a_rotation(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, OUTSIDER, *AUDITORS)
        leaf = await proposed(stage, "audit", auditors(stage, AUDITORS[0], OUTSIDER))
        late = stage.message(OFFICER, ALERTS, "for the old auditors still")
        assert not await approved(stage, DEPUTY, "audit", leaf)
        for code in MEMBERS:
            assert len(stage.controls(code, "audit.approve")) == 1
            assert stage.person(OUTSIDER) in stage.shown(code).state.audit.persons
        assert await stage.offer(OFFICER, late) == ErrorCode.STALE_EPOCH
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "for the new"})
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert stage.messages(code)[-1].epoch == 2
            assert stage.texts(code)[-1] == "for the new"
        stage.quiet()


@honest_then_careless
@pytest.mark.parametrize("who", [CHIEF, OFFICER])
async def test_an_audit_set_that_one_side_changes(
    stages: Stages, appends: type[Appends], who: str
) -> None:
    """The same coordinator approves, or a member who is none: nothing changes, all are told."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER, *AUDITORS)
        before = stage.shown(OFFICER).state.audit
        leaf = await proposed(stage, "audit", auditors(stage, AUDITORS[0], OUTSIDER))
        refused = await approved(stage, who, "audit", leaf)
        for code in MEMBERS:
            assert stage.shown(code).state.audit == before
            assert not stage.controls(code, "audit.approve")
        expected = ErrorCode.SAME_ADMINISTRATION if who == CHIEF else ErrorCode.NOT_PERMITTED
        judged(stage, appends, refused, expected, "A21")


@honest_then_careless
async def test_a_message_between_the_new_set_and_its_rotation(
    stages: Stages, appends: type[Appends]
) -> None:
    """It would be readable for the auditors who were voted out."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER, *AUDITORS)
        leaf = await proposed(stage, "audit", auditors(stage, AUDITORS[0], OUTSIDER))
        late = stage.message(OFFICER, ALERTS, "for the old auditors still")
        assert not await approved(stage, DEPUTY, "audit", leaf)
        refused = await stage.offer(OFFICER, late)
        await stage.look(*MEMBERS)
        for code in (CHIEF, DEPUTY, OFFICER):
            assert stage.texts(code) == [WARNING, PLAN]
        judged(stage, appends, refused, ErrorCode.STALE_EPOCH, "A3")


@honest_then_careless
async def test_a_rotate_without_its_escrow(stages: Stages, appends: type[Appends]) -> None:
    """A member takes the auditors' share of the next epoch away: the rotate does not count."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        kept = {"escrow", "shares_root", "shares"}
        entry, beside = rotation(
            stage,
            DEPUTY,
            body=lambda secret, made: {k: v for k, v in made.items() if k not in kept},
        )
        refused = await stage.offer(DEPUTY, entry, **{**beside, "shares": b""})
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert stage.shown(code).state.channels[stage.chan(ALERTS)].epoch == 1
            assert secret_of(stage, code) is not None
        judged(stage, appends, refused, ErrorCode.BAD_AUDIT_SET, "A21")
