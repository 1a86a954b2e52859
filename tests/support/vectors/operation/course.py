"""Windows, phases and ends (PROTOCOL 7.3, 7.10)."""

from __future__ import annotations

from collections.abc import Callable

from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId

from tests.support.directory import HeldDevice
from tests.support.operation import CLOSES, DAY, GRACE, HOUR, OPENS
from tests.support.vectors.operation.acts import (
    Make,
    Row,
    after,
    at,
    closed,
    control,
    hold,
    message,
    phase,
    rotation,
    short_channel,
    suspended,
)
from tests.support.vectors.stage import Stage


def _in_short(later: int, make: Callable[[Stage, ChannelId], Entry]) -> Make:
    """An entry `later` ms after that channel was made, with an epoch if it has begun."""

    def both(stage: Stage) -> Entry:
        made_at = stage.operation.clock
        chan = short_channel(stage)
        if later > HOUR:
            stage.operation.wait_until(made_at + HOUR + 1_000)
            stage.operation.rotate(chan)
        stage.operation.wait_until(made_at + later)
        return make(stage, chan)

    return both


def _rotate_in(stage: Stage, chan: ChannelId) -> Entry:
    return stage.operation.rotation(chan)


def _message_in(stage: Stage, chan: ChannelId) -> Entry:
    return stage.operation.sealed(chan)


def _reveal_in(stage: Stage, chan: ChannelId) -> Entry:
    return stage.operation.reveal(chan, 1, stage.chief)


TIME: list[Row] = [
    ("message at the last moment", "OPS-6", at(CLOSES + GRACE, message), None),
    ("message after the end", "OPS-7", at(CLOSES + GRACE + 1, message), "closed"),
    ("rotate after the end", "OPS-7", at(CLOSES + GRACE + 1, rotation), "closed"),
    ("admission after the end", "OPS-7",
     at(CLOSES + GRACE + 1, lambda s: s.operation.author(
         "members.admit", {"members": [{"person": s.outsider.id, "role": "officer"}]}, s.chief)),
     "closed"),
    ("rotate before its channel begins", "OPS-6", _in_short(HOUR // 2, _rotate_in),
     "out_of_window"),
    ("rotate once its channel has begun", "OPS-6", _in_short(HOUR, _rotate_in), None),
    ("message in the grace of its channel", "OPS-6", _in_short(3 * HOUR + GRACE, _message_in),
     None),
    ("message after its channel's grace", "OPS-6", _in_short(3 * HOUR + GRACE + 1, _message_in),
     "out_of_window"),
    ("reveal before its channel is over", "CLO-2", _in_short(3 * HOUR + GRACE, _reveal_in),
     "not_closed"),
    ("reveal after its channel's grace", "CLO-2", _in_short(3 * HOUR + GRACE + 1, _reveal_in),
     None),
    ("operation.close before the end", "OPS-11", control("operation.close"), "not_closed"),
    ("operation.close after the end, by an observer", "OPS-11",
     at(CLOSES + GRACE + 1, lambda s: s.operation.author("operation.close", {}, s.observer)), None),
    ("operation.close by a bot", "OPS-11",
     at(CLOSES + GRACE + 1, lambda s: s.operation.author("operation.close", {}, s.bot)),
     "not_permitted"),
    ("operation.close twice", "OPS-11",
     at(CLOSES + GRACE + 1, after(lambda s: s.operation.control("operation.close", {}),
                                    control("operation.close"))), "closed"),
    ("operation.close after an early close", "OPS-11", after(closed, control("operation.close")),
     "closed"),
    ("message after an early close", "OPS-7", after(closed, message), "closed"),
    ("holders of the role decide after the end", "OPS-19",
     at(CLOSES + GRACE + 1, after(
         lambda s: s.directory.grant_operations(s.directory.person(
             s.chief.administration, "RILO-900")),
         lambda s: s.operation.author("hold", {"reason": "court"}, _successor(s)))), None),
    ("holders of the role decide nothing before it", "OPS-19",
     after(lambda s: s.directory.grant_operations(s.directory.person(
                s.chief.administration, "RILO-900")),
            lambda s: s.operation.author("hold", {"reason": "court"}, _successor(s))),
     "not_member"),
    ("holders of another administration decide nothing", "OPS-19",
     at(CLOSES + GRACE + 1, after(
         lambda s: s.directory.grant_operations(s.stranger),
         lambda s: hold(s, s.stranger))), "not_member"),
    ("an NCP of an administration that took no part approves nothing", "OPS-19",
     at(CLOSES + GRACE + 1, lambda s: s.operation.approval(
         "erase", s.operation.propose("erase", {}), _apart(s))), "not_member"),
    ("an NCP of one that took part approves", "OPS-19",
     at(CLOSES + GRACE + 1, lambda s: s.operation.approval(
         "erase", s.operation.propose("erase", {}), s.france.ncp)), None),
    ("phase.set from live back to prep", "PHA-1", phase("prep"), "wrong_phase"),
    ("phase.set to draft", "PHA-1", phase("draft"), "wrong_phase"),
    ("phase.set to live again", "PHA-1", phase("live"), "wrong_phase"),
    ("phase.set past a phase", "PHA-1", phase("debrief"), "wrong_phase"),
    ("phase.set", "PHA-1", phase("post"), None),
    ("message while suspended", "OPS-8", after(suspended, message), "wrong_phase"),
    ("rotate while suspended", "OPS-8", after(suspended, rotation), None),
    ("removal while suspended", "OPS-8",
     after(suspended, lambda s: s.operation.author(
         "members.remove", {"persons": [s.analyst.id]}, s.chief)), None),
    ("phase.set while suspended", "OPS-8", after(suspended, phase("post")), "wrong_phase"),
    ("suspended twice", "END-2", after(suspended, control("operation.suspend")), "wrong_phase"),
    ("cancel of a live operation", "END-1", control("operation.cancel"), "wrong_phase"),
    ("rules.raise beyond what is known", "END-3", control("rules.raise", lambda _: {"rules": 2}),
     "unknown_version"),
    ("rules.raise to the present", "END-3", control("rules.raise", lambda _: {"rules": 1}),
     "bad_value"),
]  # fmt: skip


def _successor(stage: Stage) -> HeldDevice:
    """The device of RILO-900, enrolled by RILO's NCP."""
    directory = stage.directory
    person = directory.state.person_by_code("RILO-900")
    if person is None:
        raise ValueError("RILO-900 was not added")
    device = directory.new_device(person.id)
    ncp = stage.chief.administration.ncp.device
    directory.append(directory.author("device.add", directory.device_body(device), ncp))
    return device


def _apart(stage: Stage) -> HeldDevice:
    return stage.directory.administration("PT").ncp.device


def _propose_longer(stage: Stage) -> Entry:
    return stage.operation.author("window.propose", {"not_after": CLOSES + DAY}, stage.chief)


DRAFT: list[Row] = [
    ("rotate in a draft", "OPS-8", lambda s: s.operation.rotation(s.work), "wrong_phase"),
    ("prep in a draft", "PHA-1", phase("prep"), None),
    ("live in a draft", "PHA-1", phase("live"), "wrong_phase"),
    ("cancel of a draft", "END-1", control("operation.cancel"), None),
    ("cancel by another coordinator", "END-1",
     lambda s: s.operation.author("operation.cancel", {}, s.deputy), "not_permitted"),
    ("admission after a cancel", "END-1",
     after(lambda s: s.operation.control("operation.cancel", {}),
            lambda s: s.operation.author(
                "members.admit", {"members": [{"person": s.outsider.id, "role": "officer"}]},
                s.chief)), "closed"),
    ("suspension of a draft", "END-2", control("operation.suspend"), None),
    ("window.propose in a draft", "OPS-10",
     control("window.propose", lambda s: {"not_after": CLOSES + DAY}), None),
    ("resume of what is not suspended", "END-2", control("resume.propose"), "wrong_phase"),
    ("erase of a draft", "OPS-12", control("erase.propose"), "not_closed"),
    ("audit.request before the end", "AUD-1",
     lambda s: s.operation.author(
         "audit.request", {"chan": s.work, "purpose": "audit"}, s.auditors[0]), "not_closed"),
]  # fmt: skip


EARLY: list[Row] = [  # a day before the window; live begins a day after it
    ("prep before the window", "PHA-3", phase("prep"), "out_of_window"),
    ("prep at the window's begin", "PHA-3", at(OPENS, phase("prep")), None),
    ("live before its begin", "PHA-3",
     at(OPENS, after(lambda s: s.operation.control("phase.set", {"phase": "prep"}),
                       phase("live"))), "out_of_window"),
    ("live at its begin", "PHA-3",
     at(OPENS, after(lambda s: s.operation.control("phase.set", {"phase": "prep"}),
                       at(OPENS + DAY, phase("live")))), None),
    ("live after its end", "PHA-3",
     at(OPENS, after(lambda s: s.operation.control("phase.set", {"phase": "prep"}),
                       at(CLOSES, phase("live")))), "out_of_window"),
    ("message in prep", "PHA-2",
     at(OPENS, after(lambda s: s.operation.control("phase.set", {"phase": "prep"}),
                       after(lambda s: s.operation.rotate(s.work), message))), None),
    ("a longer window before it begins", "OPS-10", _propose_longer, None),
    ("live moved before it begins", "OPS-10",
     control("window.propose", lambda _: {"live": [OPENS + 1, CLOSES]}), None),
]  # fmt: skip
