"""Rules of channels: how they come to be, and who is on their lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from rpds import HashTrieSet

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import channel_id
from cencomm_crypto.public.ids import AdminId, ChannelId, PersonId
from cencomm_crypto.public.operation.act import (
    Act,
    bad_value,
    expect_distinct,
    expect_window,
    known_channel,
    known_member,
)
from cencomm_crypto.public.operation.channel import Channel, Rule
from cencomm_crypto.public.operation.membership import strike_leavers
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import Role

MAX_CHANNELS = 4_096


def _create(state: OperationState, act: Act) -> OperationState:
    body = act.body
    if len(state.channels) >= MAX_CHANNELS:
        raise RuleViolation(ErrorCode.TOO_MANY, f"more than {MAX_CHANNELS} channels")
    if ("members" in body) == ("rule" in body):
        raise bad_value("a channel has either members or a rule")
    channel = Channel(
        id=channel_id(act.entry),
        name=body["name"],
        creator=act.person.id,
        created=act.seq,
        window=(body["window"][0], body["window"][1]),
        members=_read_members(state, body["members"]) if "members" in body else None,
        rule=_read_rule(body["rule"]) if "rule" in body else None,
        parent=ChannelId(body["parent"]) if "parent" in body else None,
    )
    if channel.parent is None:
        _expect_free_standing(state, act, channel)
    else:
        _expect_directed(state, act, channel, known_channel(state, channel.parent))
    created = replace(state, channels=state.channels.insert(channel.id, channel))
    _expect_listed(created, channel, channel.members or ())
    if not created.in_channel(act.person.id, channel):
        raise RuleViolation(ErrorCode.NOT_MEMBER, "a channel lists its author")
    return created


def _expect_free_standing(state: OperationState, act: Act, channel: Channel) -> None:
    if state.role_of(act.person.id) is not Role.COORDINATOR:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, "a channel without a parent is created by a coordinator"
        )
    expect_window(channel.window, state.window, "window")
    if state.channel_named(channel.name) is not None:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"a channel {channel.name!a} exists already")


def _expect_directed(state: OperationState, act: Act, channel: Channel, parent: Channel) -> None:
    """A directed channel hides what its parent must not read (A54); it never stands alone."""
    if parent.main or parent.parent is not None:
        raise bad_value("the parent must be neither the main channel nor a directed one")
    if state.window_over(parent, act.at):
        raise RuleViolation(ErrorCode.CLOSED, "the parent channel is over")
    if channel.window != parent.window:
        raise bad_value(f"window {list(channel.window)} read; the parent's expected")
    coordinates = state.role_of(act.person.id) is Role.COORDINATOR
    if not coordinates and not state.in_channel(act.person.id, parent):
        raise RuleViolation(ErrorCode.NOT_MEMBER, "the author is not in the parent channel")


def _read_members(state: OperationState, persons: list[bytes]) -> HashTrieSet[PersonId]:
    expect_distinct(persons, "person")
    return HashTrieSet([known_member(state, person).person for person in persons])


def _expect_listed(state: OperationState, channel: Channel, persons: Iterable[PersonId]) -> None:
    """Nobody is listed who would not be in it."""
    for person in persons:
        if not state.in_channel(person, channel):
            raise RuleViolation(
                ErrorCode.NOT_MEMBER,
                f"{person.hex()} cannot be in this channel: a bot, an expert of another one, or"
                " not in the parent",
            )


def _read_rule(value: Mapping[str, Value]) -> Rule:
    if len(value) != 1 or value.get("all") is False:
        raise bad_value("a rule is one of: all true, admins, roles")
    roles = frozenset(Role(role) for role in value.get("roles", ()))
    if roles & {Role.BOT, Role.AUDITOR}:
        raise bad_value("bots and auditors read no channel")
    admins = frozenset(AdminId(admin) for admin in value.get("admins", ()))
    return Rule("all" in value, admins, roles)


def _change_members(state: OperationState, act: Act) -> OperationState:
    channel = known_channel(state, act.body["chan"])
    add, remove = act.body["add"], act.body["remove"]
    listed = channel.members
    if listed is None:
        raise bad_value("this channel's members follow from a rule")
    if state.window_over(channel, act.at):
        raise RuleViolation(ErrorCode.CLOSED, "the channel is over")
    expect_distinct([*add, *remove], "person")
    if not add and not remove:
        raise bad_value("somebody to add or to remove expected")
    if add and channel.parent is not None:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED,
            "a directed channel is for exactly the set it was made for; make another",
        )
    for person in remove:
        if person not in listed:
            raise RuleViolation(ErrorCode.NOT_MEMBER, f"{person.hex()} is not in the channel")
        listed = listed.discard(PersonId(person))
    added = _read_members(state, add)
    for person in added:
        if person in listed:
            raise RuleViolation(
                ErrorCode.ALREADY_EXISTS, f"{person.hex()} is in the channel already"
            )
        listed = listed.insert(person)
    changed = replace(
        state,
        channels=state.channels.insert(channel.id, replace(channel, members=listed)),
        leavings=state.leavings + bool(remove),
    )
    _expect_listed(changed, changed.channels[channel.id], added)
    return strike_leavers(changed, [PersonId(person) for person in remove])


CHANNEL_LIST_RULES: Mapping[str, Callable[[OperationState, Act], OperationState]] = (
    MappingProxyType({"channel.create": _create, "channel.members": _change_members})
)
