"""Bodies that root signatures carry: threshold, serial, poster (DIR-2, A13)."""

from __future__ import annotations

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.keys import SigType, device_id

from tests.support.directory import NO_WITNESS, DirectoryBuilder, HeldAdministration

ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


@pytest.fixture
def directory() -> DirectoryBuilder:
    return DirectoryBuilder()


@pytest.fixture
def france(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("FR")


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
    body = {
        "type": "suite.raise",
        "suite_min": 2,
        "poster": directory.poster.sign.public,
        "serial": 1,
    }
    keys = list(enumerate(directory.governance))[:2]
    body = dict(directory.signed(body, SigType.ADMIN_ROOT, keys, directory.id32))
    entry = directory.author("suite.raise", body, directory.poster)
    assert directory.refusal(entry) == ErrorCode.BAD_SIGNATURE


def test_a_governance_body_out_of_its_order_is_refused(directory: DirectoryBuilder) -> None:
    entry = directory.by_governance("suite.raise", {"suite_min": 2}, serial=0)
    assert directory.refusal(entry) == ErrorCode.BAD_SERIAL


def test_a_number_may_be_left_out_and_is_then_gone(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    """What was lost takes its number with it; what a root signed under it can come no more."""
    body = {"admin": france.id}
    held_back = directory.by_governance("admin.suspend", body)
    serial = directory.state.governance.serial + 2
    directory.append(directory.by_governance("witness.set", {"witness": NO_WITNESS}, serial=serial))
    assert directory.state.governance.serial == serial
    late = directory.author("admin.suspend", held_back.body or {}, directory.poster)
    assert directory.refusal(late) == ErrorCode.BAD_SERIAL


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
