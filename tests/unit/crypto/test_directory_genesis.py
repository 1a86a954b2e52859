"""The first entry of a directory, and what a directory never does (DIR-1, A48, A49)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.rules import apply_directory
from cencomm_crypto.public.directory.witness import WitnessMode
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import sequence

from tests.support.directory import Body, DirectoryBuilder, HeldAdministration

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
    body = {
        "type": "directory.genesis",
        **directory.genesis_body,
        "poster": directory.poster.sign.public,
        "serial": 0,
    }
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
