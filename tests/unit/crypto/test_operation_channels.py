"""Channels: who makes them, who is in them, and what a directed one hides (A54)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.recipients import recipients

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, DAY, OPENS


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def inside(cast: Cast, chan: ChannelId) -> set[str]:
    state = cast.operation.state
    people = [*cast.by_role.values(), cast.deputy, cast.outsider]
    channel = state.channels[chan]
    return {person.code for person in people if state.in_channel(person.id, channel)}


def code(cast: Cast, *args: Any, **fields: Any) -> ErrorCode:
    return cast.operation.refusal(cast.operation.channel_entry(*args, **fields))


def test_everybody_but_bots_and_auditors_is_in_the_main_channel(cast: Cast) -> None:
    assert inside(cast, cast.operation.main) == {
        person.code
        for person in (
            cast.chief, cast.deputy, cast.officer, cast.analyst, cast.observer, cast.expert,
            cast.ncp,
        )
    }  # fmt: skip


def test_a_channel_for_all_takes_everybody_but_bots_auditors_and_other_experts(cast: Cast) -> None:
    other = cast.operation.channel("other")
    assert cast.expert.code in inside(cast, cast.work)
    assert cast.expert.code not in inside(cast, other)
    assert cast.bot.code not in inside(cast, other)
    assert cast.auditors[0].code not in inside(cast, other)


def test_a_rule_by_administration_takes_those_admitted_later_too(cast: Cast) -> None:
    chan = cast.operation.append(
        cast.operation.author(
            "channel.create",
            {
                "name": "two", "window": [OPENS, CLOSES],
                "rule": {"admins": [cast.rilo.id, cast.belgium.id]},
            },
            cast.chief,
        )
    )  # fmt: skip
    created = next(
        channel for channel in cast.operation.state.channels.values() if channel.created == chan.seq
    )
    assert inside(cast, created.id) == {
        cast.chief.code, cast.analyst.code, cast.observer.code, cast.ncp.code
    }  # fmt: skip
    cast.operation.admit(cast.outsider, "officer")
    assert cast.outsider.code in inside(cast, created.id)


def test_a_rule_by_role_follows_the_roles(cast: Cast) -> None:
    body = {
        "name": "desk", "window": [OPENS, CLOSES], "rule": {"roles": ["coordinator", "analyst"]}
    }  # fmt: skip
    cast.operation.control("channel.create", body)
    chan = cast.operation.state.channel_named("desk")
    assert chan is not None
    assert inside(cast, chan.id) == {cast.chief.code, cast.deputy.code, cast.analyst.code}
    cast.operation.control("role.set", {"person": cast.analyst.id, "role": "observer"})
    assert inside(cast, chan.id) == {cast.chief.code, cast.deputy.code}


@pytest.mark.parametrize(
    "group",
    [
        {},
        {"members": [], "rule": {"all": True}},
        {"rule": {}},
        {"rule": {"all": False}},
        {"rule": {"all": True, "roles": ["officer"]}},
        {"rule": {"roles": ["coordinator", "bot"]}},
        {"rule": {"roles": ["coordinator", "auditor"]}},
    ],
)
def test_a_channel_has_either_a_list_or_one_rule(cast: Cast, group: dict[str, Any]) -> None:
    body = {"name": "odd", "window": [OPENS, CLOSES], **group}
    entry = cast.operation.author("channel.create", body, cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.BAD_VALUE


@pytest.mark.parametrize(
    "window", [[OPENS - 1, CLOSES], [OPENS, CLOSES + 1], [CLOSES, OPENS], [OPENS, OPENS]]
)
def test_its_window_lies_inside_the_operations(cast: Cast, window: list[int]) -> None:
    assert code(cast, "odd", window=window) is ErrorCode.BAD_VALUE


def test_a_channel_lists_its_author(cast: Cast) -> None:
    assert code(cast, "odd", [cast.officer]) is ErrorCode.NOT_MEMBER
    body = {"name": "odd", "window": [OPENS, CLOSES], "rule": {"roles": ["officer"]}}
    entry = cast.operation.author("channel.create", body, cast.chief)
    assert cast.operation.refusal(entry) is ErrorCode.NOT_MEMBER


def test_only_members_who_can_read_are_listed_and_once(cast: Cast) -> None:
    for person in (cast.outsider, cast.bot, cast.expert, cast.auditors[0]):
        assert code(cast, "odd", [cast.chief, person]) is ErrorCode.NOT_MEMBER
    assert code(cast, "odd", [cast.chief, cast.chief]) is ErrorCode.BAD_VALUE


def test_a_name_is_taken_once(cast: Cast) -> None:
    for name in ("work", "main"):
        assert code(cast, name) is ErrorCode.ALREADY_EXISTS


def test_only_a_coordinator_makes_a_channel_that_stands_alone(cast: Cast) -> None:
    assert code(cast, "own", [cast.officer], by=cast.officer) is ErrorCode.NOT_PERMITTED


def test_an_operation_has_a_greatest_number_of_channels(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cencomm_crypto.public.operation.channels.MAX_CHANNELS", 2)
    assert code(cast, "third") is ErrorCode.TOO_MANY


# -- directed channels -------------------------------------------------------------------------


def test_any_sending_member_of_the_parent_makes_a_directed_channel(cast: Cast) -> None:
    chan = cast.operation.channel(
        "red", [cast.officer, cast.analyst], by=cast.officer, parent=cast.work
    )
    assert inside(cast, chan) == {cast.officer.code, cast.analyst.code}
    rows = recipients(cast.operation.state, chan, cast.directory.state)
    assert {row.person for row in rows} == {cast.officer.id, cast.analyst.id}


def test_a_directed_channels_members_are_the_parents(cast: Cast) -> None:
    parent = cast.operation.channel("small", [cast.chief, cast.officer])
    listed = [cast.officer, cast.analyst]
    assert code(cast, "red", listed, by=cast.officer, parent=parent) is ErrorCode.NOT_MEMBER


def test_who_is_not_in_the_parent_makes_none(cast: Cast) -> None:
    parent = cast.operation.channel("small", [cast.chief, cast.officer])
    assert code(cast, "red", [cast.analyst], by=cast.analyst, parent=parent) is ErrorCode.NOT_MEMBER


def test_a_directed_channel_by_rule_stays_within_its_parent(cast: Cast) -> None:
    parent = cast.operation.channel("small", [cast.chief, cast.officer])
    chan = cast.operation.channel("red", None, parent=parent)
    assert inside(cast, chan) == {cast.chief.code, cast.officer.code}


def test_a_directed_channel_has_its_parents_window(cast: Cast) -> None:
    entry = cast.operation.channel_entry(
        "red", [cast.chief], parent=cast.work, window=[OPENS, CLOSES - DAY]
    )
    assert cast.operation.refusal(entry) is ErrorCode.BAD_VALUE


def test_neither_the_main_channel_nor_a_directed_one_is_a_parent(cast: Cast) -> None:
    red = cast.operation.channel("red", [cast.chief], parent=cast.work)
    for parent in (cast.operation.main, red):
        assert code(cast, "redder", [cast.chief], parent=parent) is ErrorCode.BAD_VALUE
    assert code(cast, "red", [cast.chief], parent=bytes(16)) is ErrorCode.UNKNOWN_CHANNEL


def test_a_parent_that_is_over_gets_no_directed_channel(cast: Cast) -> None:
    span = [OPENS, OPENS + DAY]
    short = cast.operation.channel("short", window=span)
    cast.operation.wait_until(OPENS + DAY + cast.operation.state.grace + 1)
    assert code(cast, "red", [cast.chief], parent=short, window=span) is ErrorCode.CLOSED


def test_two_directed_channels_may_have_one_name(cast: Cast) -> None:
    cast.operation.channel("red", [cast.chief], parent=cast.work)
    cast.operation.channel("red", [cast.chief, cast.officer], parent=cast.work)


def test_leaving_the_parent_leaves_the_directed_channel_for_good(cast: Cast) -> None:
    parent = cast.operation.channel("small", [cast.chief, cast.officer])
    red = cast.operation.channel("red", [cast.chief, cast.officer], parent=parent)

    def change(**lists: list[HeldPerson]) -> None:
        body: dict[str, Any] = {"chan": parent, "add": [], "remove": []}
        for name, persons in lists.items():
            body[name] = [person.id for person in persons]
        cast.operation.control("channel.members", body)

    change(remove=[cast.officer])
    assert inside(cast, red) == {cast.chief.code}
    change(add=[cast.officer])
    assert inside(cast, parent) == {cast.chief.code, cast.officer.code}
    assert inside(cast, red) == {cast.chief.code}


def test_who_leaves_a_parent_by_rule_leaves_its_directed_channel_for_good(cast: Cast) -> None:
    body = {"name": "desk", "window": [OPENS, CLOSES], "rule": {"roles": ["coordinator"]}}
    cast.operation.control("channel.create", body)
    desk = cast.operation.state.channel_named("desk")
    assert desk is not None
    red = cast.operation.channel("red", [cast.chief, cast.deputy], parent=desk.id)
    for role in ("officer", "coordinator"):
        cast.operation.control("role.set", {"person": cast.deputy.id, "role": role})
    assert inside(cast, red) == {cast.chief.code}


def test_a_removed_member_comes_back_into_no_list(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief, cast.officer])
    cast.operation.remove(cast.officer)
    cast.operation.admit(cast.officer, "officer")
    assert inside(cast, small) == {cast.chief.code}


def test_an_experts_own_thread_may_be_a_directed_channel(cast: Cast) -> None:
    thread = cast.operation.channel("species", [cast.chief], parent=cast.work)
    cast.operation.admit(cast.outsider, "expert", chan=thread)
    assert cast.outsider.code in inside(cast, thread)
    assert cast.outsider.code not in inside(cast, cast.work)


def test_a_coordinator_whom_a_directed_channel_left_out_admits_nobody_into_it(cast: Cast) -> None:
    """Else its accomplice reads, and by prev_link all that was said before (A54)."""
    red = cast.operation.channel(
        "red", [cast.officer, cast.analyst], by=cast.officer, parent=cast.work
    )
    bot = cast.directory.person(cast.belgium, kind="bot")
    rows: list[dict[str, Any]] = [
        {"person": cast.outsider.id, "role": "expert", "chan": red},
        {"person": bot.id, "role": "bot", "chan": red, "kinds": ["HIT"], "rate": 1},
    ]
    for row in rows:
        entry = cast.operation.author("members.admit", {"members": [row]}, cast.chief)
        assert cast.operation.refusal(entry) is ErrorCode.NOT_PERMITTED


def test_an_expert_is_in_directed_channels_of_its_own_that_list_it(cast: Cast) -> None:
    thread = cast.operation.channel("species", [cast.chief, cast.expert], parent=cast.work)
    other = cast.operation.channel("other", [cast.chief], parent=cast.work)
    assert cast.expert.code in inside(cast, thread)
    assert cast.expert.code not in inside(cast, other)


# -- channel.members ---------------------------------------------------------------------------


def change_code(
    cast: Cast, chan: ChannelId, add: list[HeldPerson], remove: list[HeldPerson]
) -> ErrorCode:
    body = {
        "chan": chan,
        "add": [person.id for person in add],
        "remove": [person.id for person in remove],
    }
    return cast.operation.refusal(cast.operation.author("channel.members", body, cast.chief))


def test_a_list_changes_by_adding_and_removing(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief, cast.officer])
    body = {"chan": small, "add": [cast.analyst.id], "remove": [cast.officer.id]}
    cast.operation.control("channel.members", body)
    assert inside(cast, small) == {cast.chief.code, cast.analyst.code}


def test_a_change_that_does_not_fit_the_list_is_refused(cast: Cast) -> None:
    small = cast.operation.channel("small", [cast.chief, cast.officer])
    unknown = ChannelId(bytes(16))
    assert change_code(cast, unknown, [cast.analyst], []) is ErrorCode.UNKNOWN_CHANNEL
    assert change_code(cast, cast.work, [cast.analyst], []) is ErrorCode.BAD_VALUE
    assert change_code(cast, small, [], []) is ErrorCode.BAD_VALUE
    assert change_code(cast, small, [cast.analyst], [cast.analyst]) is ErrorCode.BAD_VALUE
    assert change_code(cast, small, [cast.officer], []) is ErrorCode.ALREADY_EXISTS
    assert change_code(cast, small, [], [cast.analyst]) is ErrorCode.NOT_MEMBER
    assert change_code(cast, small, [cast.outsider], []) is ErrorCode.NOT_MEMBER
    assert change_code(cast, small, [cast.bot], []) is ErrorCode.NOT_MEMBER


def test_a_directed_channel_never_grows_and_may_shrink(cast: Cast) -> None:
    red = cast.operation.channel("red", [cast.chief, cast.officer], parent=cast.work)
    assert change_code(cast, red, [cast.analyst], []) is ErrorCode.NOT_PERMITTED
    body = {"chan": red, "add": [], "remove": [cast.officer.id]}
    cast.operation.control("channel.members", body)
    assert inside(cast, red) == {cast.chief.code}


def test_the_list_of_a_channel_that_is_over_stays(cast: Cast) -> None:
    short = cast.operation.channel("short", [cast.chief], window=[OPENS, OPENS + DAY])
    cast.operation.wait_until(OPENS + DAY + cast.operation.state.grace + 1)
    assert change_code(cast, short, [cast.officer], []) is ErrorCode.CLOSED


def test_the_channels_of_a_draft_are_made_before_the_window() -> None:
    draft = Cast.fresh(live=False, at=OPENS - DAY)
    result = draft.operation.offer(draft.operation.channel_entry("early"))
    assert not isinstance(result, Rejected)
