"""Which results a client seals back to bots by itself (PROTOCOL DRR-4), on states of real rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_client.automation.answering import ResultDue, results_due
from cencomm_client.automation.standing import Standing
from cencomm_client.automation.timing import Timing
from cencomm_client.items import Author, Message, Place
from cencomm_client.triage import Decision, Outcome, Triaged
from cencomm_crypto.public.ids import EntryId
from cencomm_crypto.public.operation.state import OperationState

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, GRACE

TIMING = Timing()
AT_ONCE = (0.0, 0.0)


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def dropped(cast: Cast) -> bytes:
    entry = cast.operation.current("drop", b"sealed", cast.work, cast.bot)
    return cast.operation.append(entry).leaf


def message(cast: Cast, by: HeldPerson, leaf: bytes, kind: str) -> Message:
    author = Author(by.device.id, by.id, by.code, "FR")
    place = Place(cast.operation.state.id16, 1, cast.operation.clock, leaf)
    return Message(
        place=place, author=author, channel=cast.work, channel_name="work", type=kind,
        id=EntryId(bytes(16)), epoch=1, kind="HIT", content={}, mid=None, re=None, prio=None,
        ack_by=None, to=(), time=0, flags=frozenset(), forged=(), damage=None,
    )  # fmt: skip


def decided(
    cast: Cast, leaf: bytes, by: HeldPerson, decision: Decision = Decision.DISMISS
) -> Triaged:
    entry = message(cast, by, bytes(32), "message")
    return Triaged(message(cast, cast.bot, leaf, "drop"), Outcome(decision, entry))


def due(
    cast: Cast, who: HeldPerson, *hits: Triaged, now: int | None = None, **genesis: Any
) -> tuple[ResultDue, ...]:
    state: OperationState = cast.operation.state
    if genesis:
        state = replace(state, genesis={**state.genesis, **genesis})
    standing = Standing(
        state=state,
        directory=cast.directory.state,
        device=who.device.id,
        person=who.id,
        now=cast.operation.clock if now is None else now,
    )
    return results_due(standing, hits, TIMING)


def answer(cast: Cast, leaf: bytes) -> None:
    body = {"re": leaf, "device": cast.bot.device.id, "box": bytes(304)}
    entry = cast.operation.author("drop.result", body, cast.officer, chan=cast.work)
    cast.operation.append(entry)


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (Decision.PROMOTE, "promoted"),
        (Decision.DISMISS, "dismissed"),
        (Decision.MERGE, "merged"),
    ],
)
def test_who_decided_answers_at_once_and_others_wait(
    cast: Cast, decision: Decision, outcome: str
) -> None:
    leaf = dropped(cast)
    one = decided(cast, leaf, cast.officer, decision)
    (own,) = due(cast, cast.officer, one)
    (other,) = due(cast, cast.analyst, one)
    assert (own.outcome, own.drop, own.device) == (outcome, leaf, cast.bot.device.id)
    assert own.wait_s == AT_ONCE
    assert other.wait_s == TIMING.result_s
    assert own.key == other.key


def test_an_open_hit_has_no_result(cast: Cast) -> None:
    hit = message(cast, cast.bot, dropped(cast), "drop")
    assert due(cast, cast.officer, Triaged(hit)) == ()


def test_a_result_in_the_log_is_enough_for_everybody(cast: Cast) -> None:
    leaf = dropped(cast)
    answer(cast, leaf)
    assert due(cast, cast.officer, decided(cast, leaf, cast.officer)) == ()


def test_who_may_not_write_answers_nothing(cast: Cast) -> None:
    one = decided(cast, dropped(cast), cast.officer)
    assert due(cast, cast.observer, one) == ()
    assert due(cast, cast.bot, one) == ()


def test_a_revoked_device_is_not_answered(cast: Cast) -> None:
    one = decided(cast, dropped(cast), cast.officer)
    cast.directory.revoke(cast.bot.device, by=cast.bot.administration.ncp.device)
    assert due(cast, cast.officer, one) == ()


def test_a_bot_that_was_removed_is_not_answered(cast: Cast) -> None:
    one = decided(cast, dropped(cast), cast.officer)
    cast.operation.remove(cast.bot)
    assert due(cast, cast.officer, one) == ()


def test_a_removal_of_somebody_else_keeps_no_result_back(cast: Cast) -> None:
    """No epoch seals it: a rotate that is due is none of its business."""
    one = decided(cast, dropped(cast), cast.officer)
    cast.operation.remove(cast.analyst)
    assert len(due(cast, cast.officer, one)) == 1
    answer(cast, one.hit.place.leaf)


def test_nothing_is_answered_after_the_window(cast: Cast) -> None:
    one = decided(cast, dropped(cast), cast.officer)
    assert due(cast, cast.officer, one, now=CLOSES + GRACE + 1) == ()


def test_with_minimal_metadata_nothing_is_answered(cast: Cast) -> None:
    one = decided(cast, dropped(cast), cast.officer)
    assert due(cast, cast.officer, one, metadata="minimal") == ()
