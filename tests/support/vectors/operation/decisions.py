"""What two administrations decide (PROTOCOL 7.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry

from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, DAY, GRACE, HOUR, OPENS
from tests.support.vectors.operation.acts import (
    Make,
    Row,
    after,
    aside,
    at,
    control,
    empty,
    ended,
    hold,
    persons,
    short_channel,
    suspended,
    work,
)
from tests.support.vectors.stage import Stage


def _propose(subject: str, body: Callable[[Stage], Any]) -> Make:
    return control(f"{subject}.propose", body)


def _approved(
    subject: str,
    body: Callable[[Stage], Any],
    *,
    by: Callable[[Stage], HeldPerson] = lambda stage: stage.deputy,
    between: Callable[[Stage], object] | None = None,
) -> Make:
    def make(stage: Stage) -> Entry:
        leaf = stage.operation.propose(subject, body(stage))
        if between is not None:
            between(stage)
        return stage.operation.approval(subject, leaf, by(stage))

    return make


def _longer(stage: Stage) -> dict[str, Any]:
    return {"not_after": stage.operation.state.window[1] + DAY}


def _twice(stage: Stage) -> Entry:
    leaf = stage.operation.propose("window", _longer(stage))
    stage.operation.approve("window", leaf, stage.deputy)
    return stage.operation.approval("window", leaf, stage.deputy)


def _second_coordinator_of_france(stage: Stage) -> None:
    stage.operation.control("role.set", {"person": stage.officer.id, "role": "coordinator"})


def _span(chan: Callable[[Stage], bytes], start: int, end: int) -> Callable[[Stage], Any]:
    return lambda stage: {"channels": [[chan(stage), [start, end]]]}


def _moved_twice(stage: Stage, first: int, second: int) -> list[Any]:
    """One channel with two ends, one after the other."""
    chan, start = short_channel(stage), stage.operation.clock + HOUR
    return [[chan, [start, first]], [chan, [start, second]]]


def _auditors(k: int, *names: str) -> Callable[[Stage], Any]:
    """An audit set of two of the scene's auditors and the named persons."""

    def body(stage: Stage) -> Any:
        two = [auditor.id for auditor in stage.auditors[:2]]
        return {"audit": {"persons": two + persons(*names)(stage), "k": k}}

    return body


def _held(stage: Stage) -> Any:
    return {"hold": stage.operation.control("hold", {"reason": "court"}).leaf}


def requested(stage: Stage) -> bytes:
    ended(stage)
    body = {"chan": stage.work, "purpose": "audit"}
    return stage.operation.control("audit.request", body, stage.auditors[0]).leaf


DECISIONS: list[Row] = [
    ("X.propose", "OPS-9", _propose("window", _longer), None),
    ("X.approve by another administration", "OPS-9", _approved("window", _longer), None),
    ("X.approve by the same administration", "OPS-9",
     lambda s: s.operation.approval(
         "window", s.operation.propose("window", _longer(s), s.deputy), _officer_as_second(s)),
     "same_administration"),
    ("X.approve of one's own", "OPS-9", _approved("window", _longer, by=lambda s: s.chief),
     "same_administration"),
    ("X.approve of nothing", "OPS-9",
     lambda s: s.operation.approval("window", bytes(32), s.deputy), "unknown_proposal"),
    ("X.approve of Y.propose", "OPS-9",
     lambda s: s.operation.approval("close", s.operation.propose("window", _longer(s)), s.deputy),
     "unknown_proposal"),
    ("X.approve twice", "OPS-9", _twice, "proposal_spent"),
    ("X.approve after 72 hours", "OPS-9",
     _approved("window", _longer, between=lambda s: s.operation.wait_until(
         s.operation.entries[-1].at + 72 * HOUR)), None),
    ("X.approve after more than 72 hours", "OPS-9",
     _approved("window", _longer, between=lambda s: s.operation.wait_until(
         s.operation.entries[-1].at + 72 * HOUR + 1)), "proposal_expired"),
    ("X.approve once the proposer was removed", "OPS-9",
     _approved("window", _longer, between=lambda s: s.operation.control(
         "members.remove", {"persons": [s.chief.id]}, s.deputy)), "not_member"),
    ("X.approve once the proposer lost the role", "OPS-9",
     _approved("window", _longer, between=lambda s: s.operation.control(
         "role.set", {"person": s.chief.id, "role": "officer"}, s.deputy)), "not_permitted"),
    ("X.approve once the proposer's device was revoked", "OPS-9",
     _approved("window", _longer, between=lambda s: s.directory.revoke(
         s.chief.device, by=s.chief.administration.ncp.device)), "inactive"),
    ("a shorter window", "OPS-10", _propose("window", lambda _: {"not_after": CLOSES - 1}),
     "bad_value"),
    ("an equal window", "OPS-10", _propose("window", lambda _: {"not_after": CLOSES}), "bad_value"),
    ("no window", "OPS-10", _propose("window", empty), "bad_value"),
    ("a longer window at its end", "OPS-10", at(CLOSES, _propose("window", _longer)), None),
    ("a longer window after its end", "OPS-10", at(CLOSES + 1, _propose("window", _longer)),
     "out_of_window"),
    ("an approval after the window's end", "OPS-10",
     _approved("window", _longer, between=lambda s: s.operation.wait_until(CLOSES + 1)),
     "proposal_expired"),
    ("an approval in time but after the window's end", "OPS-10",
     at(CLOSES - HOUR, _approved(
         "window", _longer, between=lambda s: s.operation.wait_until(CLOSES + 1))),
     "out_of_window"),
    ("a longer live", "OPS-10", _propose("window", lambda _: {"live": [OPENS, CLOSES]}), None),
    ("live beyond the window", "OPS-10",
     _propose("window", lambda _: {"live": [OPENS, CLOSES + 1]}), "bad_value"),
    ("live beyond the old window, inside the new", "OPS-10",
     _propose("window", lambda _: {"not_after": CLOSES + DAY, "live": [OPENS, CLOSES + DAY]}),
     None),
    ("a shorter live", "OPS-10",
     _propose("window", lambda _: {"live": [OPENS, CLOSES - 2 * DAY]}), "bad_value"),
    ("live with another start that has passed", "OPS-10",
     _propose("window", lambda _: {"live": [OPENS + 1, CLOSES]}), "bad_value"),
    ("a longer channel", "OPS-10",
     lambda s: _propose("window", lambda st: {
         "channels": [[short_channel(st), [st.operation.clock + HOUR, CLOSES]]]})(s), None),
    ("a longer channel twice, then less long", "OPS-10",
     _approved("window", lambda s: {"channels": _moved_twice(s, CLOSES, CLOSES - 1)}), None),
    ("a longer channel twice, the first beyond the window", "OPS-10",
     lambda s: _propose("window", lambda st: {"channels": _moved_twice(st, CLOSES + 1, CLOSES)})(s),
     "bad_value"),
    ("a shorter channel", "OPS-10", _propose("window", _span(work, OPENS, CLOSES - 1)),
     "bad_value"),
    ("a channel beyond the window", "OPS-10", _propose("window", _span(work, OPENS, CLOSES + 1)),
     "bad_value"),
    ("an unknown channel longer", "OPS-10",
     _propose("window", _span(lambda _: bytes(16), OPENS, CLOSES)), "unknown_channel"),
    ("the main channel longer", "OPS-10",
     _propose("window", _span(lambda s: s.operation.main, OPENS, CLOSES)), "bad_value"),
    ("a directed channel longer", "OPS-10", _propose("window", _span(aside, OPENS, CLOSES)),
     "bad_value"),
    ("a channel longer that has ended", "OPS-10",
     lambda s: _longer_too_late(s), "out_of_window"),
    ("another audit set", "OPS-13", _approved("audit", _auditors(3, "outsider")), None),
    ("an audit set with a member", "OPS-13", _propose("audit", _auditors(2, "analyst")),
     "bad_audit_set"),
    ("no audit set any more", "OPS-13",
     _propose("audit", lambda _: {"audit": {"persons": [], "k": 0}}), None),
    ("early close", "OPS-11", _approved("close", empty), None),
    ("early close of a suspended operation", "OPS-11",
     after(suspended, _approved("close", empty)), None),
    ("early close after the end", "OPS-7", at(CLOSES + GRACE + 1, _propose("close", empty)),
     "closed"),
    ("resume", "END-2", after(suspended, _approved("resume", empty)), None),
    ("resume by one administration", "END-2",
     after(suspended, _approved("resume", empty, by=lambda s: s.chief)), "same_administration"),
    ("resume by what was left over of an earlier suspension", "END-2",
     after(suspended, lambda s: _left_over(s)), "proposal_spent"),
    ("erase", "OPS-12", at(CLOSES + GRACE + 1, _approved("erase", empty)), None),
    ("erase before the end", "OPS-12", _propose("erase", empty), "not_closed"),
    ("erase under a hold", "OPS-12",
     at(CLOSES + GRACE + 1, after(_held, _propose("erase", empty))), "held"),
    ("erase with a hold come between", "OPS-12",
     at(CLOSES + GRACE + 1, _approved("erase", empty, between=_held)), "held"),
    ("erase under an open request", "OPS-12", after(requested, _propose("erase", empty)),
     "held"),
    ("erase after the request's report", "OPS-12",
     after(lambda s: s.operation.control(
         "audit.report", {"request": requested(s), "hash": bytes(32)}, s.auditors[0]),
         _propose("erase", empty)), None),
    ("erase twice", "OPS-12",
     at(CLOSES + GRACE + 1, after(
         lambda s: s.operation.approve("erase", s.operation.propose("erase", {}), s.deputy),
         _propose("erase", empty))), "closed"),
    ("hold by an NCP", "END-4", lambda s: hold(s, s.ncp), None),
    ("hold by an auditor", "END-4", lambda s: hold(s, s.auditors[0]), None),
    ("hold by an NCP that was dismissed", "END-4",
     after(lambda s: s.directory.dismiss(s.ncp), lambda s: hold(s, s.ncp)), "not_permitted"),
    ("unhold", "END-4", _approved("unhold", _held), None),
    ("unhold of nothing", "END-4", _propose("unhold", lambda _: {"hold": bytes(32)}),
     "unknown_reference"),
    ("unhold of what another lifted", "END-4", lambda s: _lifted_twice(s), "unknown_reference"),
]  # fmt: skip


def _officer_as_second(stage: Stage) -> HeldPerson:
    _second_coordinator_of_france(stage)
    return stage.officer


def _longer_too_late(stage: Stage) -> Entry:
    chan = short_channel(stage)
    start = stage.operation.state.channels[chan].window[0]
    stage.operation.wait(3 * HOUR + 1)
    body = {"channels": [[chan, [start, CLOSES]]]}
    return stage.operation.author("window.propose", body, stage.chief)


def _left_over(stage: Stage) -> Entry:
    first, second = (stage.operation.propose("resume", {}) for _ in range(2))
    stage.operation.approve("resume", first, stage.deputy)
    stage.operation.control("operation.suspend", {})
    return stage.operation.approval("resume", second, stage.deputy)


def _lifted_twice(stage: Stage) -> Entry:
    body = _held(stage)
    first, second = (stage.operation.propose("unhold", body) for _ in range(2))
    stage.operation.approve("unhold", first, stage.deputy)
    return stage.operation.approval("unhold", second, stage.deputy)
