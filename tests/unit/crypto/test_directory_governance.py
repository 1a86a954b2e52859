"""What governance decides: administrations and the root itself (DIR-6, DIR-10)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.witness import read_witness_policy
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import admin_id

from tests.support.directory import NO_WITNESS, Body, DirectoryBuilder, HeldAdministration

ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


@pytest.fixture
def directory() -> DirectoryBuilder:
    return DirectoryBuilder()


@pytest.fixture
def france(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("FR")


def genesis(directory: DirectoryBuilder, change: Body, **header: Any) -> Entry:
    """Another genesis by the same hands, with some of its body or header changed."""
    body = {**directory.genesis_body, **change}
    return directory.by_governance("directory.genesis", body, **header)


def policy(directory: DirectoryBuilder, **change: Any) -> dict[str, Any]:
    keys = [[f"witness-{n}", directory.signing_key("witness").public] for n in range(3)]
    return {"keys": keys, "k": 2, "fresh": 600, "mode": "strict", **change}


# -- administrations ---------------------------------------------------------------------------


def test_governance_adds_an_administration_whose_id_is_its_root_keys_hash(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    found = directory.state.administration_by_code("FR")
    assert found is not None
    assert found.id == admin_id(france.root.public) == france.id
    assert not found.suspended


@pytest.mark.parametrize("code", ["fr", "FR ", "-FR", "FR--A", "\u0424\u0420"])
def test_an_administration_code_of_another_form_is_refused(
    directory: DirectoryBuilder, code: str
) -> None:
    root = directory.signing_key("root").public
    entry = directory.by_governance("admin.add", {"code": code, "root": root})
    assert directory.refusal(entry) == ErrorCode.BAD_VALUE


@pytest.mark.parametrize("code", ["RILO", "R1LO", "RIL0"])
def test_two_active_administrations_never_look_alike(
    directory: DirectoryBuilder, code: str
) -> None:
    directory.administration("RILO")
    root = directory.signing_key("root").public
    entry = directory.by_governance("admin.add", {"code": code, "root": root})
    assert directory.refusal(entry) == ErrorCode.ALREADY_EXISTS


def test_the_code_of_a_suspended_administration_can_go_to_its_successor_only_once(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.suspend_administration(france)
    successor = directory.administration("FR", ncps=0)
    found = directory.state.administration_by_code("FR")
    assert found is not None
    assert found.id == successor.id
    resume = directory.by_governance("admin.resume", {"admin": france.id})
    assert directory.refusal(resume) == ErrorCode.ALREADY_EXISTS


@pytest.mark.parametrize("kind", ["admin.suspend", "admin.resume", "admin.rekey"])
def test_an_unknown_administration_is_named(directory: DirectoryBuilder, kind: str) -> None:
    body: dict[str, Any] = {"admin": bytes(16)}
    if kind == "admin.rekey":
        body["root"] = directory.signing_key("root").public
    entry = directory.by_governance(kind, body)
    assert directory.refusal(entry) == ErrorCode.UNKNOWN_ADMINISTRATION


def test_suspending_twice_or_resuming_what_is_active_is_refused(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    resume = directory.by_governance("admin.resume", {"admin": france.id})
    assert directory.refusal(resume) == ErrorCode.ALREADY_EXISTS
    directory.suspend_administration(france)
    suspend = directory.by_governance("admin.suspend", {"admin": france.id})
    assert directory.refusal(suspend) == ErrorCode.INACTIVE


def test_an_administration_keeps_its_id_and_serial_through_a_new_root_key(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    old, new = france.root, directory.signing_key("root FR")
    body = {"admin": france.id, "root": new.public}
    directory.append(directory.by_governance("admin.rekey", body))
    found = directory.state.administration(france.id)
    assert found is not None
    assert (found.root_pk, found.serial) == (new.public, 1)
    dismiss = {"person": france.ncp.id}
    by_old = directory.by_admin_root("ncp.dismiss", dismiss, france, root=old)
    by_new = directory.by_admin_root("ncp.dismiss", dismiss, france, root=new)
    assert directory.refusal(by_old) == ErrorCode.BAD_SIGNATURE
    assert directory.refusal(by_new) is None


def test_a_suspended_administration_can_be_given_a_new_root_before_it_is_resumed(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.suspend_administration(france)
    body = {"admin": france.id, "root": directory.signing_key("root FR").public}
    directory.append(directory.by_governance("admin.rekey", body))
    directory.resume_administration(france)
    assert directory.state.active(france.ncp.device.id)


def test_a_root_key_is_never_one_that_was_named_before(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    used = [
        france.root.public,
        directory.governance[0].public,
        directory.log_key.public,
        france.ncp.device.sign.public,
    ]
    for key in used:
        add = directory.by_governance("admin.add", {"code": "BE", "root": key})
        rekey = directory.by_governance("admin.rekey", {"admin": france.id, "root": key})
        assert directory.refusal(add) == ErrorCode.KEY_REUSED
        assert directory.refusal(rekey) == ErrorCode.KEY_REUSED


def test_a_small_order_root_key_is_refused(directory: DirectoryBuilder) -> None:
    entry = directory.by_governance("admin.add", {"code": "BE", "root": ORDER_8})
    assert directory.refusal(entry) == ErrorCode.BAD_KEY


# -- the root itself ---------------------------------------------------------------------------


def test_governance_hands_over_to_a_new_root_signed_by_the_old_one(
    directory: DirectoryBuilder,
) -> None:
    old = list(directory.governance)
    new = [old[0], directory.signing_key("governance"), directory.signing_key("governance")]
    body = {"keys": [key.public for key in new], "k": 3}
    directory.append(directory.by_governance("governance.rekey", body))
    assert (directory.state.governance.k, directory.state.governance.serial) == (3, 1)
    by_old = directory.by_governance("suite.raise", {"suite_min": 2}, signers=[0, 1, 2])
    assert directory.refusal(by_old) == ErrorCode.BAD_SIGNATURE
    directory.governance, directory.k = new, 3
    by_new = directory.by_governance("suite.raise", {"suite_min": 2})
    assert directory.refusal(by_new) is None


def test_a_governance_key_that_was_given_up_never_comes_back(directory: DirectoryBuilder) -> None:
    old = list(directory.governance)
    body = {"keys": [old[0].public, old[1].public], "k": 2}
    directory.append(directory.by_governance("governance.rekey", body))
    back = {"keys": [key.public for key in old], "k": 2}
    entry = directory.by_governance("governance.rekey", back)
    assert directory.refusal(entry) == ErrorCode.KEY_REUSED


def test_a_new_governance_root_needs_a_threshold_it_can_meet(directory: DirectoryBuilder) -> None:
    body = {"keys": [directory.governance[0].public], "k": 2}
    entry = directory.by_governance("governance.rekey", body)
    assert directory.refusal(entry) == ErrorCode.BAD_THRESHOLD


def test_one_holder_never_counts_twice_in_a_new_governance_root(
    directory: DirectoryBuilder,
) -> None:
    key = directory.governance[0].public
    entry = directory.by_governance("governance.rekey", {"keys": [key, key], "k": 2})
    assert directory.refusal(entry) == ErrorCode.KEY_REUSED


def test_a_witness_key_of_small_order_is_refused_wherever_a_policy_is_read(
    directory: DirectoryBuilder,
) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_witness_policy(policy(directory, keys=[["w", ORDER_8]], k=1))
    assert caught.value.code == ErrorCode.BAD_KEY


def test_governance_changes_the_log_key_to_one_never_named(directory: DirectoryBuilder) -> None:
    new = directory.signing_key("log").public
    directory.append(directory.by_governance("logkey.set", {"log_key": new}))
    assert directory.state.log_key == new
    assert directory.log.at(1).log_key == directory.log_key.public
    back = directory.by_governance("logkey.set", {"log_key": directory.log_key.public})
    assert directory.refusal(back) == ErrorCode.KEY_REUSED


def test_a_witness_may_leave_and_come_back_with_its_key_but_nobody_else_gets_it(
    directory: DirectoryBuilder,
) -> None:
    first = policy(directory)
    directory.append(directory.by_governance("witness.set", {"witness": first}))
    directory.append(directory.by_governance("witness.set", {"witness": NO_WITNESS}))
    directory.append(directory.by_governance("witness.set", {"witness": first}))
    assert directory.state.witness.k == 2
    as_log = directory.by_governance("logkey.set", {"log_key": first["keys"][0][1]})
    assert directory.refusal(as_log) == ErrorCode.KEY_REUSED
    as_witness = policy(directory, keys=[["w", directory.governance[0].public]], k=1)
    entry = directory.by_governance("witness.set", {"witness": as_witness})
    assert directory.refusal(entry) == ErrorCode.KEY_REUSED


def test_the_minimum_suite_only_grows_and_refuses_what_lies_below_it(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    same = directory.by_governance("suite.raise", {"suite_min": 1})
    assert directory.refusal(same) == ErrorCode.BAD_VALUE
    directory.append(directory.by_governance("suite.raise", {"suite_min": 2}))
    old = directory.author("device.rekey", {"box_pk": bytes(32)}, france.ncp.device)
    assert directory.refusal(old) == ErrorCode.BAD_VALUE


def test_a_restored_log_is_recorded_with_the_leaves_that_were_lost(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    body = directory.lose(2)
    size = directory.log.size
    assert directory.log.unnamed == [size - 2, size - 1]
    directory.append(directory.by_governance("log.restored", body))
    (restored,) = directory.state.restored
    assert (restored.seq, restored.start, restored.end) == (size, size - 2, size)
    assert directory.log.unnamed == []


@pytest.mark.parametrize(
    ("start", "end", "leaves", "code"),
    [
        (0, 1, 1, ErrorCode.BAD_VALUE),
        (2, 2, 0, ErrorCode.BAD_VALUE),
        (2, 9, 7, ErrorCode.BAD_VALUE),
        (1, 3, 1, ErrorCode.BAD_COUNT),
        (1, 2, 1, ErrorCode.BAD_PROOF),
    ],
)
def test_a_restored_log_names_each_lost_entry_that_was_seen_and_no_other(
    directory: DirectoryBuilder,
    france: HeldAdministration,
    start: int,
    end: int,
    leaves: int,
    code: ErrorCode,
) -> None:
    body = {"log": directory.log.id16, "from": start, "to": end, "leaves": [bytes(56)] * leaves}
    assert directory.refusal(directory.by_governance("log.restored", body)) == code


def test_two_decisions_about_the_root_made_side_by_side_conflict(
    directory: DirectoryBuilder,
) -> None:
    seen = directory.head
    directory.append(
        directory.by_governance("logkey.set", {"log_key": directory.signing_key("log").public})
    )
    late: dict[str, Any] = {"seen": seen, "poster": directory.new_device(directory.poster.person)}
    bodies: list[tuple[str, Body]] = [
        ("suite.raise", {"suite_min": 2}),
        ("logkey.set", {"log_key": directory.signing_key("log").public}),
        ("witness.set", {"witness": NO_WITNESS}),
        ("governance.rekey", {"keys": [directory.governance[0].public], "k": 1}),
        (
            "log.restored",
            {"log": directory.log.id16, "from": 1, "to": 2, "leaves": [bytes(56)]},
        ),
    ]
    for kind, body in bodies:
        assert directory.refusal(directory.by_governance(kind, body, **late)) == (
            ErrorCode.STALE_SEEN
        )
