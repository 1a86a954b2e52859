"""People decide about hits: each once, whoever comes first, and the same again changes nothing."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cencomm_client.items import Message
from cencomm_client.triage import (
    Decided,
    Decision,
    Triaged,
    dismissal,
    expect_open,
    hits_of,
    merger,
    warning_from,
)
from cencomm_crypto.member.payload import make_payload

from tests.mallory.harness import Stage, Stages
from tests.mallory.test_bots import Listed, hit, run
from tests.mallory.world import ALERTS, ANALYST, BOT, MEMBERS, OFFICER


async def dropped(stage: Stage, count: int, **changed: Any) -> None:
    """So many hits, read by all."""
    await stage.look(*MEMBERS, BOT)
    await run(Listed(stage, [(None, hit(number, **changed)) for number in range(count)]))
    await stage.look(*MEMBERS)


def triaged(stage: Stage, code: str) -> list[Triaged]:
    return list(hits_of(stage.shown(code).items()))


async def decide(stage: Stage, code: str, about: Message, kind: str, content: Any) -> None:
    await (await stage.operation(code)).channel(ALERTS).post(kind, content, re=about)
    await stage.look(*MEMBERS)


async def test_all_members_see_the_same_hits_open_and_decided(stages: Stages) -> None:
    async with stages() as stage:
        await dropped(stage, 4, subject="container", identifiers={"container": "CSQU3054383"})
        first, *_ = all_of_them = triaged(stage, OFFICER)
        hits = [one.hit for one in all_of_them]
        await decide(stage, OFFICER, hits[0], "WRN", warning_from(first))
        await decide(stage, ANALYST, hits[1], "HIT", dismissal("known consignee"))
        await decide(stage, OFFICER, hits[2], "HIT", merger(hits[0].place.leaf))
        for code in MEMBERS:
            found = triaged(stage, code)
            assert [one.outcome and one.outcome.decision for one in found] == [
                Decision.PROMOTE,
                Decision.DISMISS,
                Decision.MERGE,
                None,
            ]
            assert found[1].outcome is not None
            assert found[1].outcome.reason == "known consignee"
            assert found[2].outcome is not None
            assert found[2].outcome.into == hits[0].place.leaf
        (warning,) = [item for item in stage.messages(OFFICER) if item.kind == "WRN"]
        assert warning.content is not None
        assert warning.content["identifiers"] == {"container": "CSQU3054383"}
        assert warning.content["subject"] == "container"
        assert warning.content["indicators"] == ["first-time consignee"]
        assert warning.re == warning.content["promotes"] == hits[0].place.leaf
        stage.quiet()


async def test_the_first_decision_stands_and_the_same_again_is_no_entry(stages: Stages) -> None:
    async with stages() as stage:
        await dropped(stage, 1)
        (one,) = triaged(stage, OFFICER)
        await decide(stage, OFFICER, one.hit, "HIT", dismissal("known consignee"))
        await decide(stage, ANALYST, one.hit, "WRN", warning_from(one))
        (found,) = triaged(stage, ANALYST)
        assert found.outcome is not None
        assert (found.outcome.decision, len(found.later)) == (Decision.DISMISS, 1)
        assert expect_open(one, Decision.PROMOTE)
        assert not expect_open(found, Decision.DISMISS)
        with pytest.raises(Decided, match=f"dismiss by {OFFICER}"):
            expect_open(found, Decision.PROMOTE)


@pytest.mark.parametrize(
    "content",
    [
        {"triage": "dismiss"},
        {"triage": {"decision": "dismiss"}},
        {"triage": {"decision": "merge"}},
        {"triage": {"decision": "merge", "into": "ab"}},
        {"triage": {"decision": "burn", "reason": "x"}},
        {"text": "dismissed"},
    ],
)
async def test_what_is_no_decision_leaves_a_hit_open(stages: Stages, content: Any) -> None:
    """Sealed by a program that holds it against no form; readers show it as damaged."""
    async with stages() as stage:
        await dropped(stage, 1)
        (one,) = triaged(stage, OFFICER)
        for kind, said in (("HIT", content), ("WRN", {"subject": "container"})):
            payload = make_payload(kind, os.urandom(16), said, re=one.hit.place.leaf)
            await stage.shown(OFFICER)._poster.seal(stage.chan(ALERTS), payload)
            await stage.look(*MEMBERS)
        assert [found.open for found in triaged(stage, ANALYST)] == [True]
