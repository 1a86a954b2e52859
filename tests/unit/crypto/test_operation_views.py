"""Who gets what whole (DESIGN 2 Scope), and the state as one hash."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cencomm_crypto.public.ids import ZERO_SCOPE
from cencomm_crypto.public.operation.projection import projection, state_hash
from cencomm_crypto.public.operation.views import erasable, erased_by_date, visible
from cencomm_crypto.public.replay import OperationLog

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, DAY, GRACE


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def sees(cast: Cast, person: HeldPerson, scope: bytes, at: int | None = None) -> bool:
    return visible(cast.operation.state, person.id, scope, at=at)


def test_a_member_sees_control_entries_and_its_own_channels(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief, cast.officer])
    for person in (cast.officer, cast.analyst, cast.observer, cast.expert, cast.ncp):
        assert sees(cast, person, ZERO_SCOPE)
        assert sees(cast, person, cast.operation.main)
        assert sees(cast, person, cast.work)
        assert sees(cast, person, small) is (person is cast.officer)


def test_a_bot_sees_control_entries_and_the_channel_that_it_drops_into(cast: Cast) -> None:
    assert sees(cast, cast.bot, ZERO_SCOPE)
    assert sees(cast, cast.bot, cast.work)
    assert not sees(cast, cast.bot, cast.operation.main)


def test_who_was_removed_or_never_admitted_sees_nothing(cast: Cast) -> None:
    cast.operation.remove(cast.officer)
    for person in (cast.officer, cast.outsider):
        for scope in (ZERO_SCOPE, cast.work):
            assert not sees(cast, person, scope)


def test_nobody_sees_a_channel_that_does_not_exist(cast: Cast) -> None:
    assert not sees(cast, cast.chief, bytes([1]) * 16)


def test_an_auditor_sees_nothing_before_the_end_and_everything_after_it(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief])
    auditor, end = cast.auditors[0], cast.operation.state.end
    for scope in (ZERO_SCOPE, cast.work, small):
        assert not sees(cast, auditor, scope, at=end)
        assert sees(cast, auditor, scope, at=end + 1)


def test_a_past_auditor_sees_the_ended_operation_too(cast: Cast) -> None:
    body = {"audit": {"persons": [person.id for person in cast.auditors[1:]], "k": 2}}
    cast.operation.approve("audit", cast.operation.propose("audit", body), cast.deputy)
    assert sees(cast, cast.auditors[0], cast.work, at=cast.operation.state.end + 1)


def test_who_decides_after_the_end_sees_control_entries_then(cast: Cast) -> None:
    end, directory = cast.operation.state.end, cast.directory.state
    successor = cast.france.ncp
    state = cast.operation.state
    assert not visible(state, successor.id, ZERO_SCOPE, at=end, directory=directory)
    assert visible(state, successor.id, ZERO_SCOPE, at=end + 1, directory=directory)
    assert not visible(state, successor.id, cast.work, at=end + 1, directory=directory)
    stranger = cast.directory.administration("JP").ncp
    later = cast.directory.state
    assert not visible(state, stranger.id, ZERO_SCOPE, at=end + 1, directory=later)


def test_what_came_after_the_date_brings_no_body_back() -> None:
    """A49: a hold that stood at the date stops it, a later one says nothing of what had gone."""
    date = CLOSES + GRACE + DAY
    cast = Cast(retention={"erase_at": date})
    operation = cast.operation
    assert not erased_by_date(operation.state, date - 1)
    early = operation.control("hold", {"reason": "court order"}).leaf
    operation.wait_until(date)
    assert not erased_by_date(operation.state, date)
    lift = operation.propose("unhold", {"hold": early})
    operation.approve("unhold", lift, cast.deputy)
    assert erasable(operation.state, operation.state.at)
    assert erased_by_date(operation.state, date)
    assert not erased_by_date(operation.state, date - 1)
    operation.control("hold", {"reason": "another court"})
    assert not erasable(operation.state, operation.state.at)
    assert erased_by_date(operation.state, operation.state.at)


# -- the hash ----------------------------------------------------------------------------------


def test_two_replays_of_one_log_give_one_hash_at_every_entry(cast: Cast) -> None:
    cast.operation.message(cast.work, cast.officer)
    cast.operation.remove(cast.officer)
    cast.operation.rotate(cast.work)
    first, second = (OperationLog(cast.directory.log) for _ in range(2))
    seen = set()
    for item in cast.operation.entries:
        first.apply(item)
        second.apply(item)
        assert state_hash(first.state) == state_hash(second.state)
        seen.add(state_hash(first.state))
    assert len(seen) == len(cast.operation.entries)


def test_each_accepted_entry_moves_the_hash_by_more_than_its_place(cast: Cast) -> None:
    before = cast.operation.state
    cast.operation.message(cast.work, cast.officer)
    after = cast.operation.state
    assert state_hash(replace(before, size=after.size, at=after.at)) != state_hash(after)


def test_caches_do_not_show_in_the_hash(cast: Cast) -> None:
    state = cast.operation.state
    channel = replace(state.channels[cast.work], fresh=None)
    cold = replace(state, channels=state.channels.insert(cast.work, channel))
    assert state_hash(cold) == state_hash(state)


def test_the_projection_of_all_that_an_operation_can_hold_is_encodable(cast: Cast) -> None:
    cast.operation.propose("window", {"not_after": cast.operation.state.window[1] + 1})
    cast.operation.control("hold", {"reason": "court order"})
    cast.operation.channel("red", [cast.chief], parent=cast.work)
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    body = {"entry": leaf, "fields": [], "use": "cen", "manifest": bytes(32)}
    cast.operation.control("release", body, cast.ncp)
    cast.operation.append(cast.operation.close(cast.work, cast.chief))
    cast.operation.wait_until(cast.operation.state.end + 1)
    ask = {"chan": cast.work, "purpose": "yearly audit"}
    cast.operation.control("audit.request", ask, cast.auditors[0])
    plain = projection(cast.operation.state)
    for name in ("proposals", "holds", "releases", "requests", "channels", "members"):
        assert plain[name]
    assert len(state_hash(cast.operation.state)) == 32
