"""The root of trust: genesis, governance, administrations and their roots (DIR-1, 2, 6, 10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.rules import apply_directory
from cencomm_crypto.public.directory.witness import WitnessMode, read_witness_policy
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.keys import SigType, admin_id, device_id
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import sequence

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


def founded(entry: Entry) -> ErrorCode | None:
    result = apply_directory(None, sequence(0, 0, entry), DirectoryLog())
    return result.code if isinstance(result, Rejected) else None


def policy(directory: DirectoryBuilder, **change: Any) -> dict[str, Any]:
    keys = [[f"witness-{n}", directory.signing_key("witness").public] for n in range(3)]
    return {"keys": keys, "k": 2, "fresh": 600, "mode": "strict", **change}


# -- genesis -----------------------------------------------------------------------------------


def test_a_genesis_makes_the_directory_that_its_body_describes(
    directory: DirectoryBuilder,
) -> None:
    state = directory.state
    assert (state.size, state.name, state.suite_min, state.rules) == (1, "cencomm.example", 1, 1)
    assert state.log_key == directory.log_key.public
    assert state.governance.keys == tuple(key.public for key in directory.governance)
    assert (state.governance.k, state.governance.serial) == (2, 0)
    assert state.id32 == directory.id32
    assert state.witness.keys == ()


def test_a_genesis_may_name_witnesses(directory: DirectoryBuilder) -> None:
    witness = policy(directory)
    state = DirectoryBuilder(witness=witness).state
    assert state.witness.k == 2
    assert state.witness.fresh_s == 600
    assert state.witness.mode is WitnessMode.STRICT


@pytest.mark.parametrize("name", ["two words", "a+b", "a\u2028b", "a\u202eb"])
def test_a_deployment_name_that_no_note_can_carry_is_refused(
    directory: DirectoryBuilder, name: str
) -> None:
    assert founded(genesis(directory, {"name": name})) == ErrorCode.BAD_VALUE


def test_a_genesis_below_its_own_threshold_is_refused(directory: DirectoryBuilder) -> None:
    assert founded(genesis(directory, {}, signers=[1])) == ErrorCode.BAD_THRESHOLD


def test_a_genesis_whose_threshold_exceeds_its_keys_is_refused(
    directory: DirectoryBuilder,
) -> None:
    keys = [key.public for key in directory.governance]
    change = {"governance": {"keys": keys, "k": 4}}
    assert founded(genesis(directory, change)) == ErrorCode.BAD_THRESHOLD


def test_a_genesis_with_a_governance_key_twice_is_refused(directory: DirectoryBuilder) -> None:
    key = directory.governance[0].public
    change = {"governance": {"keys": [key, key], "k": 1}}
    assert founded(genesis(directory, change, signers=[0])) == ErrorCode.KEY_REUSED


def test_a_genesis_whose_log_key_is_a_governance_key_is_refused(
    directory: DirectoryBuilder,
) -> None:
    change = {"log_key": directory.governance[2].public}
    assert founded(genesis(directory, change)) == ErrorCode.KEY_REUSED


def test_a_genesis_with_a_small_order_log_key_is_refused(directory: DirectoryBuilder) -> None:
    assert founded(genesis(directory, {"log_key": ORDER_8})) == ErrorCode.BAD_KEY


def test_a_genesis_with_a_serial_is_refused(directory: DirectoryBuilder) -> None:
    assert founded(genesis(directory, {}, serial=1)) == ErrorCode.BAD_SERIAL


@pytest.mark.parametrize("seen", [Head(1, EMPTY_ROOT), Head(0, bytes(32))])
def test_a_genesis_that_has_seen_anything_is_refused(
    directory: DirectoryBuilder, seen: Head
) -> None:
    assert founded(genesis(directory, {}, seen=seen)) == ErrorCode.WRONG_HEAD


@pytest.mark.parametrize("change", [{"rules": 2}, {"suite_min": 2}])
def test_a_genesis_of_rules_or_a_suite_unknown_here_stops_the_reader(
    directory: DirectoryBuilder, change: Body
) -> None:
    assert founded(genesis(directory, change)) == ErrorCode.UNKNOWN_VERSION


def test_a_genesis_signed_over_another_directorys_id_is_refused(
    directory: DirectoryBuilder,
) -> None:
    body = {**directory.genesis_body, "poster": directory.poster.sign.public, "serial": 0}
    keys = list(enumerate(directory.governance))[:2]
    body = dict(directory.signed(body, SigType.GOVERNANCE, keys, directory.id32))
    entry = directory.author("directory.genesis", body, directory.poster)
    assert founded(entry) == ErrorCode.BAD_SIGNATURE


def test_a_genesis_posted_by_another_device_than_its_poster_is_refused(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    entry = genesis(directory, {}, device=france.ncp.device.id)
    assert founded(entry) == ErrorCode.UNKNOWN_DEVICE


def test_nothing_but_a_genesis_starts_a_directory(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    entry = directory.author("device.revoke", {"device": bytes(16)}, france.ncp.device)
    assert founded(entry) == ErrorCode.WRONG_TYPE


def test_a_second_genesis_is_refused(directory: DirectoryBuilder) -> None:
    item = directory.sequenced(genesis(directory, {}))
    result = apply_directory(directory.state, item, directory.log)
    assert isinstance(result, Rejected)
    assert result.code == ErrorCode.ALREADY_EXISTS


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"k": 0}, ErrorCode.BAD_THRESHOLD),
        ({"k": 4}, ErrorCode.BAD_THRESHOLD),
        ({"fresh": 0}, ErrorCode.BAD_VALUE),
        ({"keys": []}, ErrorCode.BAD_VALUE),
        ({"keys": [["a", bytes(31) + b"\x01"]], "k": 1}, ErrorCode.BAD_KEY),
    ],
)
def test_a_witness_policy_that_nobody_could_meet_is_refused(
    directory: DirectoryBuilder, change: Body, code: ErrorCode
) -> None:
    assert founded(genesis(directory, {"witness": policy(directory, **change)})) == code


def test_witnesses_of_one_name_or_one_key_are_refused(directory: DirectoryBuilder) -> None:
    one, two = (directory.signing_key("witness").public for _ in range(2))
    same_name = policy(directory, keys=[["a", one], ["a", two]])
    same_key = policy(directory, keys=[["a", one], ["b", one]])
    assert founded(genesis(directory, {"witness": same_name})) == ErrorCode.BAD_VALUE
    assert founded(genesis(directory, {"witness": same_key})) == ErrorCode.KEY_REUSED


# -- root signatures ---------------------------------------------------------------------------


def test_any_k_of_the_governance_keys_decide(directory: DirectoryBuilder) -> None:
    body = {"suite_min": 2}
    for signers in ([0, 1], [0, 2], [1, 2], [0, 1, 2]):
        assert directory.refusal(directory.by_governance("suite.raise", body, signers=signers)) is (
            None
        )


@pytest.mark.parametrize("signers", [[], [0], [1, 0], [0, 0]])
def test_too_few_repeated_or_unordered_root_signatures_are_refused(
    directory: DirectoryBuilder, signers: list[int]
) -> None:
    entry = directory.by_governance("suite.raise", {"suite_min": 2}, signers=signers)
    assert directory.refusal(entry) == ErrorCode.BAD_THRESHOLD


def test_a_signature_by_a_key_that_does_not_exist_is_refused(directory: DirectoryBuilder) -> None:
    directory.governance.append(directory.signing_key("stranger"))
    entry = directory.by_governance("suite.raise", {"suite_min": 2}, signers=[0, 1, 3])
    assert directory.refusal(entry) == ErrorCode.BAD_THRESHOLD


def test_one_wrong_root_signature_spoils_k_good_ones(directory: DirectoryBuilder) -> None:
    directory.governance[2] = directory.signing_key("stranger")
    entry = directory.by_governance("suite.raise", {"suite_min": 2}, signers=[0, 1, 2])
    assert directory.refusal(entry) == ErrorCode.BAD_SIGNATURE


def test_an_administrations_signature_never_stands_for_governance(
    directory: DirectoryBuilder,
) -> None:
    body = {"suite_min": 2, "poster": directory.poster.sign.public, "serial": 1}
    keys = list(enumerate(directory.governance))[:2]
    body = dict(directory.signed(body, SigType.ADMIN_ROOT, keys, directory.id32))
    entry = directory.author("suite.raise", body, directory.poster)
    assert directory.refusal(entry) == ErrorCode.BAD_SIGNATURE


@pytest.mark.parametrize("serial", [0, 2])
def test_a_governance_body_out_of_its_order_is_refused(
    directory: DirectoryBuilder, serial: int
) -> None:
    entry = directory.by_governance("suite.raise", {"suite_min": 2}, serial=serial)
    assert directory.refusal(entry) == ErrorCode.BAD_SERIAL


def test_an_admin_add_cannot_be_replayed_after_a_suspension(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    added = directory.entries[1].entry
    assert added is not None
    assert added.header.type == "admin.add"
    directory.suspend_administration(france)
    assert added.body is not None
    again = directory.author("admin.add", added.body, directory.poster)
    assert directory.refusal(again) == ErrorCode.BAD_SERIAL


def test_a_root_signed_body_stands_only_in_the_entry_of_its_poster(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    entry = directory.by_governance("suite.raise", {"suite_min": 2})
    assert entry.body is not None
    thief = france.ncp.device
    stolen = directory.author("suite.raise", entry.body, thief)
    forged = directory.author("suite.raise", entry.body, thief, device=directory.poster.id)
    assert directory.refusal(stolen) == ErrorCode.UNKNOWN_DEVICE
    assert directory.refusal(forged) == ErrorCode.BAD_SIGNATURE


def test_a_poster_may_be_unknown_or_even_revoked(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    revoked = directory.device(france.ncp)
    directory.revoke(revoked, by=france.ncp.device)
    entry = directory.by_governance("suite.raise", {"suite_min": 2}, poster=revoked)
    assert directory.refusal(entry) is None


def test_the_posters_own_key_is_checked_to_be_a_sound_point(directory: DirectoryBuilder) -> None:
    entry = directory.by_governance("suite.raise", {"suite_min": 2})
    assert entry.body is not None
    body = {**entry.body, "poster": ORDER_8}
    forged = directory.author("suite.raise", body, directory.poster, device=device_id(ORDER_8))
    assert directory.refusal(forged) == ErrorCode.BAD_KEY


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
    size = directory.log.size
    body = {"from": size - 2, "to": size, "leaves": [bytes(56), bytes(56)]}
    directory.append(directory.by_governance("log.restored", body))
    (restored,) = directory.state.restored
    assert (restored.seq, restored.start, restored.end) == (size, size - 2, size)
    assert len(restored.leaves) == 2


@pytest.mark.parametrize(
    ("start", "end", "leaves", "code"),
    [
        (0, 1, 1, ErrorCode.BAD_VALUE),
        (2, 2, 0, ErrorCode.BAD_VALUE),
        (2, 9, 7, ErrorCode.BAD_VALUE),
        (1, 3, 1, ErrorCode.BAD_COUNT),
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
    body = {"from": start, "to": end, "leaves": [bytes(56)] * leaves}
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
        ("log.restored", {"from": 1, "to": 2, "leaves": [bytes(56)]}),
    ]
    for kind, body in bodies:
        assert directory.refusal(directory.by_governance(kind, body, **late)) == (
            ErrorCode.STALE_SEEN
        )


# -- what the directory never does -------------------------------------------------------------


def test_an_item_out_of_its_place_is_the_servers_fault(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    entry = directory.author("person.suspend", {"person": france.ncp.id}, france.ncp.device)
    item = replace(directory.sequenced(entry), seq=directory.log.size + 1)
    with pytest.raises(ProtocolError) as caught:
        apply_directory(directory.state, item, directory.log)
    assert caught.value.code == ErrorCode.LOG_DAMAGED


def test_the_directory_withholds_and_erases_nothing(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    entry = directory.author("person.suspend", {"person": france.ncp.id}, france.ncp.device)
    withheld = replace(directory.sequenced(entry), entry=None)
    erased = directory.sequenced(replace(entry, body=None, body_bytes=None))
    for item in (withheld, erased):
        result = apply_directory(directory.state, item, directory.log)
        assert isinstance(result, Rejected)
        assert result.code == ErrorCode.LOG_DAMAGED
