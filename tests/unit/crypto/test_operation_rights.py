"""Every role tries every type, and the log does what the rights table says, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.rights import OPERATION_RIGHTS, Role

from tests.support.cast import Cast
from tests.support.directory import HeldPerson
from tests.support.operation import DAY

Attempt = Callable[[Cast, HeldPerson], Entry]


def simple(kind: str, body: Mapping[str, object] | None = None) -> Attempt:
    return lambda cast, by: cast.operation.author(kind, body or {}, by)


def admission(cast: Cast, by: HeldPerson) -> Entry:
    row = {"person": cast.outsider.id, "role": "officer"}
    return cast.operation.author("members.admit", {"members": [row]}, by)


def removal(cast: Cast, by: HeldPerson) -> Entry:
    return cast.operation.author("members.remove", {"persons": [cast.deputy.id]}, by)


def new_role(cast: Cast, by: HeldPerson) -> Entry:
    return cast.operation.author("role.set", {"person": cast.deputy.id, "role": "officer"}, by)


def acceptance(cast: Cast, by: HeldPerson) -> Entry:
    device = cast.directory.device(cast.deputy)
    return cast.operation.author("device.accept", {"device": device.id}, by)


def list_change(cast: Cast, by: HeldPerson) -> Entry:
    listed = cast.operation.channel("listed", [cast.chief, cast.deputy])
    body = {"chan": listed, "add": [], "remove": [cast.deputy.id]}
    return cast.operation.author("channel.members", body, by)


def directed(cast: Cast, by: HeldPerson) -> Entry:
    """By a bot or auditor it could not list its author; the table decides before that."""
    return cast.operation.channel_entry("aside", [by, cast.deputy], by=by, parent=cast.work)


def ended_by_time(cast: Cast, by: HeldPerson) -> Entry:
    cast.operation.wait_until(cast.operation.state.end + 1)
    return cast.operation.author("operation.close", {}, by)


def sync(cast: Cast, by: HeldPerson) -> Entry:
    cast.directory.person(cast.france)
    return cast.operation.author("directory.sync", {}, by)


def cancel(cast: Cast, by: HeldPerson) -> Entry:
    return cast.operation.author("operation.cancel", {}, by)


def proposal(subject: str, body: Mapping[str, object] | None = None) -> Attempt:
    return lambda cast, by: cast.operation.author(
        f"{subject}.propose", PREPARED[subject](cast) if body is None else body, by
    )


def approval(subject: str) -> Attempt:
    def attempt(cast: Cast, by: HeldPerson) -> Entry:
        body = PREPARED[subject](cast)
        leaf = cast.operation.propose(subject, body, cast.deputy)
        return cast.operation.approval(subject, leaf, by)

    return attempt


def longer(cast: Cast) -> dict[str, object]:
    return {"not_after": cast.operation.state.window[1] + DAY}


def other_auditors(cast: Cast) -> dict[str, object]:
    return {"audit": {"persons": [auditor.id for auditor in cast.auditors], "k": 3}}


def nothing(cast: Cast) -> dict[str, object]:
    return {}


def suspended(cast: Cast) -> dict[str, object]:
    cast.operation.control("operation.suspend", {})
    return {}


def over(cast: Cast) -> dict[str, object]:
    cast.operation.wait_until(cast.operation.state.end + 1)
    return {}


def held(cast: Cast) -> dict[str, object]:
    return {"hold": cast.operation.control("hold", {"reason": "court order"}).leaf}


PREPARED: dict[str, Callable[[Cast], dict[str, object]]] = {
    "window": longer,
    "audit": other_auditors,
    "close": nothing,
    "resume": suspended,
    "erase": over,
    "unhold": held,
}


def release(cast: Cast, by: HeldPerson) -> Entry:
    entry = cast.operation.message(cast.work, cast.analyst).leaf
    body = {"entry": entry, "fields": ["goods"], "use": "cen", "manifest": bytes(32)}
    return cast.operation.author("release", body, by)


def receipt(cast: Cast, by: HeldPerson) -> Entry:
    leaf = cast.operation.append(release(cast, cast.ncp)).leaf
    return cast.operation.author("release.receipt", {"release": leaf, "receipt": "CEN-1"}, by)


def result(cast: Cast, by: HeldPerson) -> Entry:
    leaf = cast.operation.append(sealed("drop")(cast, cast.bot)).leaf
    body = {"re": leaf, "device": cast.bot.device.id, "box": bytes(304)}
    return cast.operation.author("drop.result", body, by, chan=cast.work)


def audit_request(cast: Cast, by: HeldPerson) -> Entry:
    over(cast)
    body = {"chan": cast.work, "purpose": "yearly audit"}
    return cast.operation.author("audit.request", body, by)


def audit_grant(cast: Cast, by: HeldPerson) -> Entry:
    request = cast.operation.append(audit_request(cast, cast.auditors[1])).leaf
    body = {"request": request, "x": 1, "chan": cast.work, "n": 1, "share": b"sealed"}
    return cast.operation.author("audit.grant", body, by)


def audit_report(cast: Cast, by: HeldPerson) -> Entry:
    request = cast.operation.append(audit_request(cast, cast.auditors[0])).leaf
    return cast.operation.author("audit.report", {"request": request, "hash": bytes(32)}, by)


def rotate(cast: Cast, by: HeldPerson) -> Entry:
    return cast.operation.rotation(cast.work, by)


def grant(cast: Cast, by: HeldPerson) -> Entry:
    device = cast.directory.device(cast.officer, voucher=cast.officer.device)
    body = {"n": 1, "device": device.id, "box_pk": device.box.public, "wrap": bytes(32)}
    return cast.operation.current("channel.grant", body, cast.work, by)


def flag(cast: Cast, by: HeldPerson) -> Entry:
    body = {"n": 1, "code": "rotation_mismatch"}
    return cast.operation.current("channel.flag", body, cast.work, by)


def sealed(kind: str) -> Attempt:
    return lambda cast, by: cast.operation.current(kind, b"sealed", cast.work, by)


def channel_close(cast: Cast, by: HeldPerson) -> Entry:
    return cast.operation.close(cast.work, by)


def reveal(cast: Cast, by: HeldPerson) -> Entry:
    over(cast)
    return cast.operation.reveal(cast.work, 1, by)


ATTEMPTS: dict[str, Attempt] = {
    "members.admit": admission,
    "members.remove": removal,
    "role.set": new_role,
    "device.accept": acceptance,
    "channel.create": directed,
    "channel.members": list_change,
    "phase.set": simple("phase.set", {"phase": "post"}),
    "operation.cancel": cancel,
    "operation.suspend": simple("operation.suspend"),
    "operation.close": ended_by_time,
    "directory.sync": sync,
    "release": release,
    "release.receipt": receipt,
    "hold": simple("hold", {"reason": "court order"}),
    "audit.request": audit_request,
    "audit.grant": audit_grant,
    "audit.report": audit_report,
    **{f"{subject}.propose": proposal(subject) for subject in PREPARED},
    **{f"{subject}.approve": approval(subject) for subject in PREPARED},
    "channel.rotate": rotate,
    "channel.grant": grant,
    "channel.flag": flag,
    "message": sealed("message"),
    "drop": sealed("drop"),
    "drop.result": result,
    "channel.close": channel_close,
    "channel.reveal": reveal,
}
# not by role: founded on the directory's role, on the governance root; no version above the first
ELSEWHERE = {"operation.genesis", "log.restored", "rules.raise"}
# RULES: after the end the second side lies also with an NCP of another administration
SUCCESSION = {("erase.approve", Role.NCP)}


def test_every_type_is_tried() -> None:
    assert set(ATTEMPTS) | ELSEWHERE == set(OPERATION_RIGHTS)


@pytest.mark.parametrize("kind", sorted(ATTEMPTS))
@pytest.mark.parametrize("role", Role)
def test_each_role_may_author_what_the_table_says_and_nothing_else(kind: str, role: Role) -> None:
    cast = Cast.fresh(live=kind != "operation.cancel")
    entry = ATTEMPTS[kind](cast, cast.by_role[role])
    result = cast.operation.offer(entry)
    if role in OPERATION_RIGHTS[kind] or (kind, role) in SUCCESSION:
        assert not isinstance(result, Rejected), result
    else:
        assert isinstance(result, Rejected)
        assert result.code is ErrorCode.NOT_PERMITTED


@pytest.mark.parametrize("kind", sorted(set(ATTEMPTS) - {"channel.create", "channel.close"}))
def test_who_holds_no_role_authors_nothing(kind: str) -> None:
    cast = Cast.fresh(live=kind != "operation.cancel")
    expected = (
        ErrorCode.NOT_PERMITTED if kind == "channel.reveal" else ErrorCode.NOT_MEMBER
    )  # a reveal asks for the epoch, not for a role
    stranger = cast.directory.person(cast.france)
    assert cast.operation.refusal(ATTEMPTS[kind](cast, stranger)) is expected


def test_rules_are_raised_by_a_coordinator_alone() -> None:
    cast = Cast.fresh()
    for role, person in cast.by_role.items():
        entry = cast.operation.author("rules.raise", {"rules": 1}, person)
        expected = (
            ErrorCode.BAD_VALUE if role is Role.COORDINATOR else ErrorCode.NOT_PERMITTED
        )  # 1 is the present version
        assert cast.operation.refusal(entry) is expected
