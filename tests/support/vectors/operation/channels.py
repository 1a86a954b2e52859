"""Channels and who is in them (PROTOCOL 7.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry, channel_id
from cencomm_crypto.public.ids import ChannelId

from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, GRACE, HOUR, OPENS
from tests.support.vectors.operation.acts import (
    Make,
    Row,
    after,
    aside,
    listed,
    message,
    persons,
    short_channel,
    work,
)
from tests.support.vectors.stage import Stage


def _creation(by: Callable[[Stage], HeldPerson] | None = None, **fields: Any) -> Make:
    """A channel.create with given fields; callables are asked with the stage."""

    def make(stage: Stage) -> Entry:
        asked = {key: item(stage) if callable(item) else item for key, item in fields.items()}
        body = {"name": "new", "window": list(stage.operation.state.window), **asked}
        person = stage.chief if by is None else by(stage)
        return stage.operation.author("channel.create", body, person)

    return make


def _of_aside(stage: Stage) -> Entry:
    parent = aside(stage)
    return _creation(members=persons("chief"), parent=lambda _: parent)(stage)


def _list_change(
    chan: Callable[[Stage], ChannelId],
    add: Callable[[Stage], list[bytes]] | None = None,
    remove: Callable[[Stage], list[bytes]] | None = None,
) -> Make:
    def make(stage: Stage) -> Entry:
        changed = chan(stage)
        body = {
            "chan": changed,
            "add": [] if add is None else add(stage),
            "remove": [] if remove is None else remove(stage),
        }
        return stage.operation.author("channel.members", body, stage.chief)

    return make


def _left_parent(stage: Stage) -> Entry:
    """Who leaves the parent leaves the directed channel."""
    parent = listed(stage)
    chan = stage.operation.channel("aside", [stage.chief, stage.officer], parent=parent)
    stage.operation.rotate(chan)
    body = {"chan": parent, "add": [], "remove": [stage.officer.id]}
    stage.operation.control("channel.members", body)
    return stage.operation.sealed(chan, stage.officer)


def _in_channel_of(rule: dict[str, Any], by: str) -> Make:
    """A message in a channel by rule, by one member."""

    def make(stage: Stage) -> Entry:
        asked = {key: item(stage) if callable(item) else item for key, item in rule.items()}
        chan = stage.operation.append(_creation(rule=asked)(stage))
        entry = chan.entry
        if entry is None:
            raise ValueError("builders keep whole entries")
        made = channel_id(entry)
        stage.operation.rotate(made)
        return stage.operation.sealed(made, getattr(stage, by))

    return make


CHANNELS: list[Row] = [
    ("channel.create by rule", "CHN-1", _creation(rule={"all": True}), None),
    ("channel.create of members", "CHN-1", _creation(members=persons("chief", "officer")), None),
    ("channel.create of roles", "CHN-1", _creation(rule={"roles": ["coordinator"]}), None),
    ("channel.create of roles, one twice", "OPS-21",
     _creation(rule={"roles": ["officer", "coordinator", "officer"]}), None),
    ("channel.create of administrations, one twice", "OPS-21",
     _creation(rule=lambda s: {"admins": [a.id for a in s.administrations[2::-1]] * 2}), None),
    ("channel.create of administrations", "CHN-1",
     _creation(rule=lambda s: {"admins": [s.chief.administration.id]}), None),
    ("channel.create with members and a rule", "CHN-1",
     _creation(members=persons("chief"), rule={"all": True}), "bad_value"),
    ("channel.create with neither", "CHN-1", _creation(), "bad_value"),
    ("channel.create with an empty rule", "CHN-1", _creation(rule={}), "bad_value"),
    ("channel.create with two rules", "CHN-1",
     _creation(rule={"all": True, "roles": ["officer"]}), "bad_value"),
    ("channel.create with all false", "CHN-1", _creation(rule={"all": False}), "bad_value"),
    ("channel.create of bots", "CHN-1", _creation(rule={"roles": ["coordinator", "bot"]}),
     "bad_value"),
    ("channel.create with a member twice", "CHN-1", _creation(members=persons("chief", "chief")),
     "bad_value"),
    ("channel.create with no member", "CHN-1", _creation(members=persons("chief", "outsider")),
     "not_member"),
    ("channel.create with a bot", "CHN-1", _creation(members=persons("chief", "bot")),
     "not_member"),
    ("channel.create with another channel's expert", "CHN-1",
     _creation(members=persons("chief", "expert")), "not_member"),
    ("channel.create that leaves its author out", "CHN-1", _creation(members=persons("officer")),
     "not_member"),
    ("channel.create by rule that leaves its author out", "CHN-1",
     _creation(rule={"roles": ["officer"]}), "not_member"),
    ("channel.create beyond the window", "CHN-1",
     _creation(rule={"all": True}, window=[OPENS, CLOSES + 1]), "bad_value"),
    ("channel.create that ends as it begins", "CHN-1",
     _creation(rule={"all": True}, window=[CLOSES, CLOSES]), "bad_value"),
    ("channel.create with a taken name", "CHN-1", _creation(rule={"all": True}, name="work"),
     "already_exists"),
    ("channel.create with the main channel's name", "CHN-1",
     _creation(rule={"all": True}, name="main"), "already_exists"),
    ("channel.create by an officer without a parent", "CHN-1",
     _creation(lambda s: s.officer, rule={"all": True}), "not_permitted"),
    ("directed channel by an officer", "CHN-3",
     _creation(lambda s: s.officer, members=persons("officer", "deputy"), parent=work), None),
    ("directed channel with a taken name", "CHN-3",
     _creation(members=persons("chief", "officer"), parent=work, name="work"), None),
    ("directed channel with the parent's expert", "CHN-3",
     _creation(members=persons("chief", "expert"), parent=work), None),
    ("directed channel of no channel", "CHN-3",
     _creation(members=persons("chief"), parent=bytes(16)), "unknown_channel"),
    ("directed channel of the main one", "CHN-3",
     _creation(members=persons("chief"), parent=lambda s: s.operation.main), "bad_value"),
    ("directed channel of a directed one", "CHN-3", _of_aside, "bad_value"),
    ("directed channel with a window of its own", "CHN-3",
     _creation(members=persons("chief"), parent=work, window=[OPENS, CLOSES - 1]), "bad_value"),
    ("directed channel by who is not in the parent", "CHN-3",
     _creation(lambda s: s.analyst, members=persons("analyst", "officer"), parent=listed),
     "not_member"),
    ("directed channel with who is not in the parent", "CHN-3",
     _creation(members=persons("chief", "analyst"), parent=listed), "not_member"),
    ("directed channel of one that is over", "CHN-3",
     lambda s: _directed_too_late(s), "closed"),
    ("who leaves the parent leaves the directed channel", "CHN-3", _left_parent, "not_member"),
    ("in a channel by role", "CHN-2",
     _in_channel_of({"roles": ["coordinator", "analyst"]}, "analyst"), None),
    ("not in a channel by role", "CHN-2",
     _in_channel_of({"roles": ["coordinator", "analyst"]}, "officer"), "not_member"),
    ("in a channel by administration", "CHN-2",
     _in_channel_of({"admins": lambda s: [a.id for a in s.administrations[:2]]}, "officer"), None),
    ("not in a channel by administration", "CHN-2",
     _in_channel_of({"admins": lambda s: [a.id for a in s.administrations[:2]]}, "analyst"),
     "not_member"),
    ("an expert in another channel of everybody", "CHN-2", _in_channel_of({"all": True}, "expert"),
     "not_member"),
    ("an expert in its channel", "CHN-2", lambda s: message(s, s.expert), None),
    ("an expert in the main channel", "CHN-2",
     after(lambda s: s.operation.rotate(s.operation.main),
            lambda s: s.operation.sealed(s.operation.main, s.expert)), None),
    ("channel.members adds", "CHN-4", _list_change(listed, persons("analyst")), None),
    ("channel.members removes", "CHN-4", _list_change(listed, remove=persons("officer")), None),
    ("channel.members of nobody", "CHN-4", _list_change(listed), "bad_value"),
    ("channel.members of one person twice", "CHN-4",
     _list_change(listed, persons("officer"), persons("officer")), "bad_value"),
    ("channel.members of an unknown channel", "CHN-4",
     _list_change(lambda _: ChannelId(bytes(16)), persons("analyst")), "unknown_channel"),
    ("channel.members of a channel by rule", "CHN-4", _list_change(work, persons("analyst")),
     "bad_value"),
    ("channel.members adds a member again", "CHN-4", _list_change(listed, persons("officer")),
     "already_exists"),
    ("channel.members adds no member", "CHN-4", _list_change(listed, persons("outsider")),
     "not_member"),
    ("channel.members adds a bot", "CHN-4", _list_change(listed, persons("bot")), "not_member"),
    ("channel.members removes who is not in it", "CHN-4",
     _list_change(listed, remove=persons("analyst")), "not_member"),
    ("channel.members adds to a directed channel", "CHN-4",
     _list_change(aside, persons("analyst")), "not_permitted"),
    ("channel.members removes from a directed channel", "CHN-4",
     _list_change(aside, remove=persons("officer")), None),
    ("channel.members after the channel's end", "CHN-4", lambda s: _list_too_late(s), "closed"),
]  # fmt: skip


def _directed_too_late(stage: Stage) -> Entry:
    chan = short_channel(stage)
    stage.operation.wait(4 * HOUR + GRACE)
    window = list(stage.operation.state.channels[chan].window)
    body = {"name": "aside", "window": window, "members": [stage.chief.id], "parent": chan}
    return stage.operation.author("channel.create", body, stage.chief)


def _list_too_late(stage: Stage) -> Entry:
    start = stage.operation.clock + HOUR
    window = [start, start + HOUR]
    chan = stage.operation.channel("short", [stage.chief, stage.officer], window=window)
    stage.operation.wait(3 * HOUR + GRACE)
    body = {"chan": chan, "add": [], "remove": [stage.officer.id]}
    return stage.operation.author("channel.members", body, stage.chief)
