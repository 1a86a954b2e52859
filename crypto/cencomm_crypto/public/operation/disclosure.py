"""Rules of what leaves an operation: releases by NCPs, and openings by auditors.

A release is judged by whoever reads the entry that it names; a reader of other channels cannot
tell whose that is. Therefore no later rule rests on a release (rules.ASIDE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.operation.act import Act, bad_value, known_channel, unknown_reference
from cencomm_crypto.public.operation.state import OperationState, Release, Request

ReleaseRule = Callable[[OperationState, Act], OperationState]


def _release(state: OperationState, act: Act) -> OperationState:
    """By the NCP of the administration whose member or bot wrote the entry."""
    _expect_still_ncp(act)
    body = act.body
    author = state.messages.get(body["entry"])
    if author is not None and act.directory.persons[author].admin != act.person.admin:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED,
            "the entry belongs to another administration, whose NCP decides",
        )
    if "replaces" in body:
        _own_release(state, act, body["replaces"])
    release = Release(
        leaf=act.leaf,
        seq=act.seq,
        at=act.at,
        person=act.person.id,
        admin=act.person.admin,
        entry=body["entry"],
        fields=tuple(body["fields"]),
        use=body["use"],
        manifest=body["manifest"],
        replaces=body.get("replaces"),
    )
    return replace(state, releases=state.releases.insert(act.leaf, release))


def _receipt(state: OperationState, act: Act) -> OperationState:
    _expect_still_ncp(act)
    release = _own_release(state, act, act.body["release"])
    if release.receipt is not None:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, "the release has its receipt")
    answered = replace(release, receipt=act.body["receipt"])
    return replace(state, releases=state.releases.insert(release.leaf, answered))


def _own_release(state: OperationState, act: Act, leaf: bytes) -> Release:
    release = state.releases.get(leaf)
    if release is None:
        raise unknown_reference("release", leaf)
    if release.admin != act.person.admin:
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "the release is another administration's")
    return release


def _expect_still_ncp(act: Act) -> None:
    if not act.person.ncp:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{act.person.code} is no longer NCP of its administration"
        )


def _request(state: OperationState, act: Act) -> OperationState:
    channel = known_channel(state, act.body["chan"])
    request = Request(
        leaf=act.leaf,
        seq=act.seq,
        at=act.at,
        person=act.person.id,
        device=act.device.id,
        chan=channel.id,
        purpose=act.body["purpose"],
    )
    return replace(state, requests=state.requests.insert(act.leaf, request))


def _grant_share(state: OperationState, act: Act) -> OperationState:
    """A share re-sealed to the opening device; whether it is right shows only afterwards (A23).

    `n` is not looked up: who may not read the channel does not know its epochs.
    """
    body = act.body
    request = _open_request(state, body["request"])
    if body["chan"] != request.chan:
        raise bad_value("the grant is for another channel than the request")
    x: int = body["x"]
    if not any(audit.persons[x - 1 : x] == (act.person.id,) for audit in state.audits):
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{act.person.code} never had place {x} in the audit set"
        )
    grants = request.grants.insert((body["n"], x), body["share"])
    granted = replace(request, grants=grants)
    return replace(state, requests=state.requests.insert(request.leaf, granted))


def _report(state: OperationState, act: Act) -> OperationState:
    request = _open_request(state, act.body["request"])
    if request.person != act.person.id:
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "the report is the requester's to make")
    reported = replace(request, report=act.body["hash"])
    return replace(state, requests=state.requests.insert(request.leaf, reported))


def _open_request(state: OperationState, leaf: bytes) -> Request:
    request = state.requests.get(leaf)
    if request is None:
        raise unknown_reference("audit.request", leaf)
    if request.report is not None:
        raise RuleViolation(ErrorCode.CLOSED, "the request has its report")
    return request


DISCLOSURE_RULES: Mapping[str, ReleaseRule] = MappingProxyType(
    {
        "release": _release,
        "release.receipt": _receipt,
        "audit.request": _request,
        "audit.grant": _grant_share,
        "audit.report": _report,
    }
)
