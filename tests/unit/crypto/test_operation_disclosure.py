"""What leaves an operation: releases by the owning NCP, openings by auditors, lost entries."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.operation.recipients import Reason, pending_rotation
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.wire import Sequenced

from tests.support.cast import Cast
from tests.support.directory import HeldPerson, restoring


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def release(cast: Cast, leaf: bytes, by: HeldPerson | None = None, **fields: Any) -> Entry:
    body = {"entry": leaf, "fields": ["goods"], "use": "cen", "manifest": bytes(32), **fields}
    return cast.operation.author("release", body, by or cast.ncp)


# -- release -----------------------------------------------------------------------------------


def test_the_owning_ncp_releases_its_administrations_entries_and_drops(cast: Cast) -> None:
    message = cast.operation.message(cast.work, cast.analyst)
    drop = cast.operation.append(cast.operation.current("drop", b"hit", cast.work, cast.bot))
    for item in (message, drop):
        leaf = cast.operation.append(release(cast, item.leaf)).leaf
        kept = cast.operation.state.releases[leaf]
        assert (kept.entry, kept.admin, kept.receipt) == (item.leaf, cast.belgium.id, None)


def test_another_administrations_entry_is_not_released(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.officer).leaf
    assert cast.operation.refusal(release(cast, leaf)) is ErrorCode.NOT_PERMITTED


def test_an_ncp_that_was_dismissed_releases_nothing(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    cast.directory.dismiss(cast.ncp)
    assert cast.operation.refusal(release(cast, leaf)) is ErrorCode.NOT_PERMITTED


def test_a_reader_of_other_channels_accepts_what_it_cannot_judge_and_agrees_on_the_rest(
    cast: Cast,
) -> None:
    secret = cast.operation.channel("secret", [cast.chief, cast.officer])
    cast.operation.rotate(secret)
    hidden = cast.operation.message(secret, cast.officer)
    false = cast.operation.force(release(cast, hidden.leaf))
    assert isinstance(false, Rejected)  # only a dishonest server appends it
    cast.operation.control("hold", {"reason": "court order"})
    other = OperationLog(cast.directory.log)
    for item in cast.operation.entries:
        withheld = Sequenced(item.seq, item.at, item.scope, item.inner, None)
        other.apply(withheld if item.scope == secret else item)
    mine = cast.operation.state
    assert len(other.state.releases) == 1
    assert other.state.control == mine.control
    assert other.state.members == mine.members


def test_a_release_may_replace_an_earlier_one_of_the_same_administration(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    first = cast.operation.append(release(cast, leaf)).leaf
    assert cast.accepts(release(cast, leaf, replaces=first))
    unknown = release(cast, leaf, replaces=bytes(32))
    assert cast.operation.refusal(unknown) is ErrorCode.UNKNOWN_REFERENCE
    cast.operation.admit(cast.france.ncp, "ncp")
    cast.operation.rotate(cast.work)
    french = cast.operation.message(cast.work, cast.officer).leaf
    foreign = release(cast, french, cast.france.ncp, replaces=first)
    assert cast.operation.refusal(foreign) is ErrorCode.NOT_PERMITTED


def test_a_release_gets_one_receipt_from_its_own_ncp(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    released = cast.operation.append(release(cast, leaf)).leaf
    cast.operation.admit(cast.france.ncp, "ncp")

    def receipt(of: bytes, by: HeldPerson) -> Entry:
        return cast.operation.author("release.receipt", {"release": of, "receipt": "CEN-7"}, by)

    foreign = receipt(released, cast.france.ncp)
    assert cast.operation.refusal(foreign) is ErrorCode.NOT_PERMITTED
    unknown = receipt(bytes(32), cast.ncp)
    assert cast.operation.refusal(unknown) is ErrorCode.UNKNOWN_REFERENCE
    cast.operation.append(receipt(released, cast.ncp))
    assert cast.operation.state.releases[released].receipt == "CEN-7"
    again = receipt(released, cast.ncp)
    assert cast.operation.refusal(again) is ErrorCode.ALREADY_EXISTS


def test_a_closed_operation_still_releases(cast: Cast) -> None:
    leaf = cast.operation.message(cast.work, cast.analyst).leaf
    cast.operation.wait_until(cast.operation.state.end + 1)
    assert cast.accepts(release(cast, leaf))


# -- audit -------------------------------------------------------------------------------------


def opened(cast: Cast) -> bytes:
    cast.operation.wait_until(cast.operation.state.end + 1)
    body = {"chan": cast.work, "purpose": "yearly audit"}
    return cast.operation.control("audit.request", body, cast.auditors[0]).leaf


def share(cast: Cast, request: bytes, by: HeldPerson, **fields: Any) -> Entry:
    body = {"request": request, "x": 2, "chan": cast.work, "n": 1, "share": b"sealed", **fields}
    return cast.operation.author("audit.grant", body, by)


def test_a_running_operation_is_not_opened(cast: Cast) -> None:
    body = {"chan": cast.work, "purpose": "curiosity"}
    entry = cast.operation.author("audit.request", body, cast.auditors[0])
    assert cast.operation.refusal(entry) is ErrorCode.NOT_CLOSED


def test_a_request_names_a_channel_that_exists(cast: Cast) -> None:
    opened(cast)
    body = {"chan": bytes(16), "purpose": "yearly audit"}
    entry = cast.operation.author("audit.request", body, cast.auditors[0])
    assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_CHANNEL


def test_auditors_grant_shares_of_their_own_place(cast: Cast) -> None:
    request = opened(cast)
    cast.operation.append(share(cast, request, cast.auditors[1]))
    kept = cast.operation.state.requests[request]
    assert kept.grants[1, 2] == b"sealed"
    assert kept.device == cast.auditors[0].device.id
    wrong = share(cast, request, cast.auditors[1], x=3)
    assert cast.operation.refusal(wrong) is ErrorCode.NOT_PERMITTED
    beyond = share(cast, request, cast.auditors[1], x=9)
    assert cast.operation.refusal(beyond) is ErrorCode.NOT_PERMITTED


def test_a_share_is_for_the_channel_of_a_known_request(cast: Cast) -> None:
    request = opened(cast)
    other = share(cast, request, cast.auditors[1], chan=cast.operation.main)
    assert cast.operation.refusal(other) is ErrorCode.BAD_VALUE
    unknown = share(cast, bytes(32), cast.auditors[1])
    assert cast.operation.refusal(unknown) is ErrorCode.UNKNOWN_REFERENCE


def test_a_past_auditor_grants_what_it_holds_and_does_nothing_else(cast: Cast) -> None:
    body = {"audit": {"persons": [person.id for person in cast.auditors[1:]], "k": 2}}
    cast.operation.approve("audit", cast.operation.propose("audit", body), cast.deputy)
    cast.operation.wait_until(cast.operation.state.end + 1)
    ask = {"chan": cast.work, "purpose": "yearly audit"}
    request = cast.operation.control("audit.request", ask, cast.auditors[1]).leaf
    assert cast.accepts(share(cast, request, cast.auditors[0], x=1))
    own = cast.operation.author("audit.request", ask, cast.auditors[0])
    assert cast.operation.refusal(own) is ErrorCode.NOT_MEMBER


def test_the_requester_reports_once_and_that_ends_the_request(cast: Cast) -> None:
    request = opened(cast)
    body = {"request": request, "hash": bytes(32)}
    other = cast.operation.author("audit.report", body, cast.auditors[1])
    assert cast.operation.refusal(other) is ErrorCode.NOT_PERMITTED
    cast.operation.control("audit.report", body, cast.auditors[0])
    again = cast.operation.author("audit.report", body, cast.auditors[0])
    assert cast.operation.refusal(again) is ErrorCode.CLOSED
    late = share(cast, request, cast.auditors[1])
    assert cast.operation.refusal(late) is ErrorCode.CLOSED


# -- log.restored ------------------------------------------------------------------------------


def restored(cast: Cast, *, signers: int = 2, serial: int = 1, **fields: Any) -> Entry:
    directory = cast.directory
    body = directory.signed(
        {
            "type": "log.restored",
            **restoring(cast.operation.log.id16, cast.operation.entries[-1:]),
            "poster": directory.poster.sign.public,
            "serial": serial,
            **fields,
        },
        SigType.GOVERNANCE,
        [(index, directory.governance[index]) for index in range(signers)],
        directory.id32,
    )
    return cast.operation.author("log.restored", body, directory.poster)


def test_a_channel_that_lost_an_entry_rotates_first(cast: Cast) -> None:
    cast.operation.lose(cast.work)
    item = cast.operation.append(restored(cast))
    state, directory = cast.operation.state, cast.directory.state
    assert [(row.seq, row.start, row.end) for row in state.restored] == [
        (item.seq, item.seq - 1, item.seq)
    ]
    assert pending_rotation(state, cast.work, directory) is Reason.RESTORED
    assert cast.operation.refusal(cast.operation.sealed(cast.work)) is ErrorCode.STALE_EPOCH
    cast.operation.rotate(cast.work)
    assert cast.accepts(cast.operation.sealed(cast.work))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"signers": 1}, ErrorCode.BAD_THRESHOLD),
        ({"serial": 0}, ErrorCode.BAD_SERIAL),
        ({"from": 0}, ErrorCode.BAD_VALUE),
        ({"to": 10_000}, ErrorCode.BAD_VALUE),
        ({"leaves": []}, ErrorCode.BAD_COUNT),
        ({"leaves": [bytes(56)]}, ErrorCode.BAD_PROOF),
        ({"log": bytes(16)}, ErrorCode.WRONG_LOG),
    ],
)
def test_a_restoration_needs_the_governance_root_and_fits_the_log(
    cast: Cast, fields: dict[str, Any], code: ErrorCode
) -> None:
    cast.operation.lose(cast.work)
    assert cast.operation.refusal(restored(cast, **fields)) is code


def test_a_restoration_is_by_the_device_that_the_roots_named(cast: Cast) -> None:
    cast.operation.lose(cast.work)
    entry = restored(cast, poster=cast.chief.device.sign.public)
    assert cast.operation.refusal(entry) is ErrorCode.UNKNOWN_DEVICE
