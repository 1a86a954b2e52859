"""What a client does by itself: each decider on states that the real rules made."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from cencomm_client.automation.closing import close_due, forgettable, reveals_due
from cencomm_client.automation.healing import Fate, fate, grants_due, reachable, sealable
from cencomm_client.automation.rotation import (
    JOIN,
    MISMATCH,
    flag_due,
    may_rotate,
    rotation_due,
    waiting,
)
from cencomm_client.automation.standing import EpochNote, Standing, Verdict
from cencomm_client.automation.syncing import gone, sync_due
from cencomm_client.automation.timing import Schedule, Timing
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.flag import FlagReason
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState

from tests.support.cast import Cast
from tests.support.directory import HeldDevice, HeldPerson
from tests.support.epochs import Epochs
from tests.support.operation import CLOSES, DAY, GRACE, OPENS

TIMING = Timing()


class View:
    """One device's view of a cast, as `OperationView.standing` would make it."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    def standing(
        self,
        who: HeldPerson,
        *,
        device: HeldDevice | None = None,
        verdict: Verdict = Verdict.GOOD,
        now: int | None = None,
        **fields: Any,
    ) -> Standing:
        state = self.cast.operation.state
        notes = {
            channel.id: EpochNote(channel.epoch, verdict, **fields)
            for channel in state.channels.values()
            if channel.epoch
        }
        return Standing(
            state=state,
            directory=self.cast.directory.state,
            device=(device or who.device).id,
            person=who.id,
            now=self.cast.operation.clock if now is None else now,
            epochs=notes,
            keys={chan: frozenset(channel.epochs) for chan, channel in state.channels.items()},
        )

    @property
    def work(self) -> Channel:
        return self.cast.operation.state.channels[self.cast.work]


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


@pytest.fixture
def view(cast: Cast) -> View:
    return View(cast)


# -- rotation ----------------------------------------------------------------------------------


def test_a_fresh_epoch_needs_no_rotation(cast: Cast, view: View) -> None:
    assert rotation_due(view.standing(cast.officer), view.work, TIMING) is None


def test_a_channel_without_an_epoch_is_opened_by_those_who_send() -> None:
    cast = Cast.fresh(live=False)
    cast.operation.start()
    view = View(cast)
    due = rotation_due(view.standing(cast.officer), view.work, TIMING)
    assert due is not None
    assert (due.reason, due.n, due.wait_s) == ("open", 1, TIMING.react_s)
    for silent in (cast.observer, cast.bot, cast.auditors[0], cast.outsider):
        assert rotation_due(view.standing(silent), view.work, TIMING) is None


def test_nothing_rotates_in_a_draft_or_before_the_window() -> None:
    cast = Cast.fresh(live=False)
    view = View(cast)
    assert not may_rotate(view.standing(cast.officer), view.work)
    cast.operation.start("prep")
    assert may_rotate(view.standing(cast.officer), view.work)
    early = view.standing(cast.officer, now=OPENS - 1)
    assert may_rotate(early, view.work)  # the log's time is later than the slow clock
    assert not may_rotate(view.standing(cast.officer, now=CLOSES + 1), view.work)


def test_after_a_removal_others_wait_and_who_removed_goes_at_once(cast: Cast, view: View) -> None:
    cast.operation.remove(cast.analyst)
    waits = rotation_due(view.standing(cast.officer), view.work, TIMING)
    first = rotation_due(view.standing(cast.chief), view.work, TIMING, own_decision=True)
    sends = rotation_due(view.standing(cast.officer), view.work, TIMING, sending=True)
    assert waits is not None
    assert (waits.reason, waits.wait_s) == ("removal", TIMING.react_s)
    assert first is not None
    assert first.wait_s == (0, 0)
    assert sends is not None
    assert sends.wait_s == (0, 0)
    assert not sealable(view.standing(cast.officer), view.work)


def test_a_removed_member_rotates_nothing(cast: Cast, view: View) -> None:
    cast.operation.remove(cast.analyst)
    assert rotation_due(view.standing(cast.analyst), view.work, TIMING, sending=True) is None


def test_a_bad_rotate_is_flagged_and_superseded(cast: Cast, view: View) -> None:
    bad = view.standing(cast.officer, verdict=Verdict.BAD, reason=FlagReason.WRAPS)
    due, flag = rotation_due(bad, view.work, TIMING), flag_due(bad, view.work, TIMING)
    assert due is not None
    assert (due.reason, due.wait_s) == (MISMATCH, TIMING.react_s)
    assert flag is not None
    assert (flag.reason, flag.wait_s) == (FlagReason.WRAPS, (0.0, TIMING.react_s[0]))
    assert not sealable(bad, view.work)
    at_once = rotation_due(bad, view.work, TIMING, sending=True)
    assert at_once is not None
    assert at_once.wait_s == (0, 0)
    told = view.standing(cast.officer, verdict=Verdict.BAD, reason=FlagReason.WRAPS, flagged=True)
    assert flag_due(told, view.work, TIMING) is None


def test_one_bad_rotate_costs_one_flag_and_one_rotate(cast: Cast, view: View) -> None:
    """Everybody finds it at the same moment; who is first acts, the others see it done."""
    people = [cast.chief, cast.deputy, cast.officer, cast.analyst, cast.ncp]
    chance = Random(5)  # noqa: S311 chance that can be played again
    schedules = [Schedule(chance.uniform, TIMING.retry_s) for _ in people]
    acts: list[str] = []
    flagged, verdict = False, Verdict.BAD
    for second in range(40):
        for who, schedule in zip(people, schedules, strict=True):
            reason = FlagReason.WRAPS if verdict is Verdict.BAD else None
            seen = view.standing(who, verdict=verdict, reason=reason, flagged=flagged)
            needs = [flag_due(seen, view.work, TIMING), rotation_due(seen, view.work, TIMING)]
            for need in schedule.ready([need for need in needs if need is not None], second):
                acts.append(str(need.key[0]))
                flagged, verdict = True, Verdict.BAD if need.key[0] == "flag" else Verdict.GOOD
                break
    assert acts == ["flag", "rotate"]


def test_an_observer_flags_what_it_may_not_mend(cast: Cast, view: View) -> None:
    bad = view.standing(cast.observer, verdict=Verdict.BAD, reason=FlagReason.ESCROW)
    assert flag_due(bad, view.work, TIMING) is not None
    assert rotation_due(bad, view.work, TIMING) is None


def test_age_and_count_wait_for_the_next_send(cast: Cast, view: View) -> None:
    old = cast.operation.clock + DAY
    for standing in (
        view.standing(cast.officer, now=old),
        view.standing(cast.officer, messages=TIMING.epoch_messages),
    ):
        assert rotation_due(standing, view.work, TIMING) is None
        assert rotation_due(standing, view.work, TIMING, sending=True) is not None


def test_joins_wait_together(cast: Cast, view: View) -> None:
    cast.operation.admit(cast.outsider, "officer")
    standing = view.standing(cast.officer)
    due = rotation_due(standing, view.work, TIMING, sending=True)
    assert due is not None
    assert (due.reason, due.wait_s) == (JOIN, TIMING.join_s)
    assert TIMING.join_s[1] <= 600
    found = waiting(standing, view.work, view.work.epochs[1])
    assert {row.person for row in found} == {cast.outsider.id}


# -- sync --------------------------------------------------------------------------------------


def test_a_revocation_that_touches_a_member_is_named_before_anything_else(
    cast: Cast, view: View
) -> None:
    lost = cast.analyst.device
    cast.directory.revoke(lost, by=cast.belgium.ncp.device)
    named = cast.directory.log.at(cast.operation.state.watermark)
    standing = view.standing(cast.officer)
    due = sync_due(standing, named, TIMING)
    assert due is not None
    assert (due.devices, due.wait_s) == ((lost.id,), TIMING.react_s)
    cast.operation.control("directory.sync", {}, cast.officer)
    named = cast.directory.log.at(cast.operation.state.watermark)
    assert sync_due(view.standing(cast.officer), named, TIMING) is None
    after = rotation_due(view.standing(cast.officer), view.work, TIMING)
    assert after is not None
    assert after.reason == "revocation"


def test_a_revocation_elsewhere_is_nobodys_business(cast: Cast, view: View) -> None:
    cast.directory.revoke(cast.outsider.device, by=cast.belgium.ncp.device)
    named = cast.directory.log.at(cast.operation.state.watermark)
    assert gone(view.standing(cast.officer), named) == ()


def test_bots_and_auditors_do_not_sync(cast: Cast, view: View) -> None:
    cast.directory.suspend(cast.analyst)
    named = cast.directory.log.at(cast.operation.state.watermark)
    assert gone(view.standing(cast.bot), named)
    for silent in (cast.bot, cast.auditors[0]):
        assert sync_due(view.standing(silent), named, TIMING) is None


# -- healing -----------------------------------------------------------------------------------


def test_a_persons_new_device_is_granted_the_epoch_it_missed(cast: Cast, view: View) -> None:
    phone = cast.directory.device(cast.analyst, voucher=cast.analyst.device)
    due = grants_due(view.standing(cast.officer), view.work, TIMING)
    assert [(row.n, row.recipient.device) for row in due] == [(1, phone.id)]
    assert due[0].wait_s == TIMING.heal_s
    assert rotation_due(view.standing(cast.officer), view.work, TIMING) is None


def test_links_carry_a_healed_device_back_to_the_first_epoch(cast: Cast, view: View) -> None:
    cast.operation.rotate(cast.work)
    phone = cast.directory.device(cast.analyst, voucher=cast.analyst.device)
    due = grants_due(view.standing(cast.officer), view.work, TIMING)
    assert [row.n for row in due] == [2]
    assert reachable(view.work, phone.id) == frozenset()
    assert reachable(view.work, cast.analyst.device.id) == {1, 2}


def test_without_history_each_epoch_is_granted_newest_first() -> None:
    cast = Cast.fresh(history="none")
    cast.operation.rotate(cast.work)
    cast.directory.device(cast.analyst, voucher=cast.analyst.device)
    view = View(cast)
    due = grants_due(view.standing(cast.officer), view.work, TIMING)
    assert [row.n for row in due] == [2]


def test_a_device_that_an_ncp_alone_added_gets_nothing(cast: Cast, view: View) -> None:
    cast.directory.device(cast.analyst)
    assert grants_due(view.standing(cast.officer), view.work, TIMING) == ()


def test_a_joiner_is_left_to_the_rotation(cast: Cast, view: View) -> None:
    cast.operation.admit(cast.outsider, "officer")
    assert grants_due(view.standing(cast.officer), view.work, TIMING) == ()


def test_a_wrong_grant_does_not_count_as_healed(cast: Cast, view: View) -> None:
    device = cast.analyst.device.id
    bad = frozenset({(cast.work, 1, device)})
    assert reachable(view.work, device, bad) == frozenset()


def test_own_bytes_are_given_up_only_when_the_log_supersedes_them(cast: Cast, view: View) -> None:
    header = cast.operation.sealed(cast.work, cast.officer).header
    assert fate(view.standing(cast.officer), view.work, header) is Fate.SEND
    cast.operation.remove(cast.analyst)
    assert fate(view.standing(cast.officer), view.work, header) is Fate.HOLD
    cast.operation.rotate(cast.work)
    assert fate(view.standing(cast.officer), view.work, header) is Fate.RESEAL
    late = view.standing(cast.officer, now=CLOSES + 1)
    assert fate(late, view.work, header) is Fate.LATE


def test_the_grace_is_there_for_bytes_under_way(cast: Cast, view: View) -> None:
    header = cast.operation.sealed(cast.work, cast.officer).header
    in_grace = view.standing(cast.officer, now=CLOSES + 1)
    assert fate(in_grace, view.work, header) is Fate.SEND
    assert not sealable(in_grace, view.work)
    over = view.standing(cast.officer, now=CLOSES + GRACE + 1)
    assert fate(over, view.work, header) is Fate.LATE


# -- closing -----------------------------------------------------------------------------------


class Closing:
    """A cast with real epochs, and what its officer holds of them."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.epochs = Epochs(cast.operation)
        self.epochs.rotate(cast.work)
        self.view = View(cast)

    def secrets(self, state: OperationState, chan: ChannelId) -> tuple[EpochSecret, ...]:
        return tuple(
            made.secret for (where, _), made in sorted(self.epochs.made.items()) if where == chan
        )

    def end(self) -> None:
        self.cast.operation.wait_until(CLOSES + GRACE + 1)


@pytest.fixture
def closing() -> Closing:
    cast = Cast.fresh(live=False)
    cast.operation.start()
    return Closing(cast)


def test_the_operation_is_closed_by_whoever_reads_once_time_is_over(closing: Closing) -> None:
    cast, view = closing.cast, closing.view
    assert close_due(view.standing(cast.officer), TIMING) is None
    after = CLOSES + GRACE + 1
    assert close_due(view.standing(cast.officer, now=after), TIMING) is not None
    assert close_due(view.standing(cast.observer, now=after), TIMING) is not None
    for silent in (cast.bot, cast.auditors[0], cast.outsider):
        assert close_due(view.standing(silent, now=after), TIMING) is None
    closing.end()
    cast.operation.control("operation.close", {}, cast.officer)
    assert close_due(view.standing(cast.officer), TIMING) is None


def test_nothing_is_revealed_before_both_clocks_say_so(closing: Closing) -> None:
    cast, view = closing.cast, closing.view
    own_clock_alone = view.standing(cast.officer, now=CLOSES + GRACE + 1)
    assert reveals_due(own_clock_alone, closing.secrets, TIMING) == ()
    closing.end()
    cast.operation.control("operation.close", {}, cast.officer)
    log_alone = view.standing(cast.officer, now=CLOSES)  # A43: a poisoned `at`
    assert reveals_due(log_alone, closing.secrets, TIMING) == ()
    both = view.standing(cast.officer)
    due = reveals_due(both, closing.secrets, TIMING)
    assert [(row.chan, row.secret.context.n, row.closes) for row in due] == [(cast.work, 1, True)]


def test_only_heads_are_revealed_and_then_secrets_may_go(closing: Closing) -> None:
    cast, view = closing.cast, closing.view
    closing.epochs.rotate(cast.work)
    closing.end()
    cast.operation.control("operation.close", {}, cast.officer)
    standing = view.standing(cast.officer)
    due = reveals_due(standing, closing.secrets, TIMING)
    assert [row.secret.context.n for row in due] == [2]
    assert forgettable(standing, closing.secrets) == ()
    kc = due[0].secret.close_key.key
    body = {"n": 2, "kc": kc}
    cast.operation.append(
        cast.operation.author("channel.close", body, cast.officer, chan=cast.work)
    )
    standing = view.standing(cast.officer)
    assert reveals_due(standing, closing.secrets, TIMING) == ()
    assert forgettable(standing, closing.secrets) == ((cast.work, 1), (cast.work, 2))


def test_nothing_is_revealed_in_a_suspension_which_would_be_refused(closing: Closing) -> None:
    """A channel whose own window is over while the operation stands still."""
    cast, view = closing.cast, closing.view
    operation = cast.operation
    first, last = operation.state.window
    short = operation.channel("short", window=[first, (operation.clock + last) // 2])
    closing.epochs.rotate(short)
    operation.wait_until((operation.clock + last) // 2 + GRACE + 1)
    operation.control("operation.suspend", {})
    assert operation.state.channel_over(operation.state.channels[short], operation.clock)
    assert reveals_due(view.standing(cast.officer), closing.secrets, TIMING) == ()
    resumed = operation.control("resume.propose", {})
    other = cast.deputy
    operation.control("resume.approve", {"proposal": resumed.leaf}, other)
    due = reveals_due(view.standing(cast.officer), closing.secrets, TIMING)
    assert [(row.chan, row.closes) for row in due] == [(short, True)]


def test_a_removed_member_still_reveals_what_only_it_holds(closing: Closing) -> None:
    cast, view = closing.cast, closing.view
    cast.operation.remove(cast.analyst)
    closing.end()
    cast.operation.control("operation.close", {}, cast.officer)
    due = reveals_due(view.standing(cast.analyst), closing.secrets, TIMING)
    assert [row.secret.context.n for row in due] == [1]


# -- the schedule ------------------------------------------------------------------------------


class Need:
    def __init__(self, name: str, wait_s: tuple[float, float] = (5, 20)) -> None:
        self.key: tuple[object, ...] = (name,)
        self.wait_s = wait_s


def middle(least: float, most: float) -> float:
    return (least + most) / 2


def test_a_need_waits_its_time_and_goes_when_it_is_gone() -> None:
    schedule = Schedule(middle, (1, 60))
    need = Need("rotate")
    assert schedule.ready([need], 100) == []
    assert schedule.next_s() == 112.5
    assert schedule.ready([need], 112) == []
    assert schedule.ready([need], 113) == [need]
    assert schedule.ready([], 114) == []
    assert schedule.next_s() is None
    assert schedule.ready([need], 115) == []  # seen anew, waits anew


def test_what_was_tried_in_vain_is_tried_again_after_growing_waits() -> None:
    schedule = Schedule(lambda least, most: most, (1, 60))
    need = Need("grant", (0, 0))
    moments, now = [], 0.0
    for _ in range(8):
        assert schedule.ready([need], now) == [need]
        schedule.tried(need, now)
        moment = schedule.next_s()
        assert moment is not None
        moments.append(moment - now)
        now = moment
    assert moments == [2, 4, 8, 16, 32, 60, 60, 60]


def test_the_random_wait_is_between_five_and_twenty_seconds() -> None:
    assert Timing().react_s == (5.0, 20.0)
    with pytest.raises(ValueError, match="react_s"):
        Timing(react_s=(3, 1))
