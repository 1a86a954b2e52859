"""A late wrap exists by a grant entry alone, and every member recomputes it (PROTOCOL 8.4, A44)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.grant import check_grant, make_grant, open_grant
from cencomm_crypto.member.wrap import wrap
from cencomm_crypto.public.bodies import parse_body
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import sha256
from hypothesis import given

from tests.support.sealing import Author, box_keys, bytes16, epoch, few, fixed, secrets

TABLET = Author("tablet")


@given(secrets, bytes16, box_keys)
@few
def test_a_new_device_heals_by_a_grant(secret: EpochSecret, device: bytes, box: BoxKey) -> None:
    body, w = make_grant(secret, DeviceId(device), box.public)
    assert parse_body("channel.grant", body) == body
    check_grant(body, secret)
    assert open_grant(body, w, box, secret.context, secret.commit) == secret


def test_a_granted_wrap_is_the_one_that_a_rotate_would_have_made() -> None:
    body, w = make_grant(epoch(), TABLET.id, TABLET.box.public)
    assert w == wrap(epoch(), TABLET.id, TABLET.box.public)
    assert body == {
        "n": 1, "device": TABLET.id, "box_pk": TABLET.box.public, "wrap": sha256(w)
    }  # fmt: skip


def test_another_wrap_than_the_log_names_does_not_open_a44() -> None:
    secret = epoch()
    body, _ = make_grant(secret, TABLET.id, TABLET.box.public)
    unsolicited = wrap(epoch(2), TABLET.id, TABLET.box.public)
    with pytest.raises(ProtocolError) as caught:
        open_grant(body, unsolicited, TABLET.box, secret.context, secret.commit)
    assert caught.value.code is ErrorCode.CANNOT_OPEN


def test_garbage_that_a_grant_commits_to_is_found_by_members_and_opens_nothing_a18() -> None:
    secret = epoch()
    garbage = fixed("garbage") * 3 + bytes(16)
    body = {**make_grant(secret, TABLET.id, TABLET.box.public)[0], "wrap": sha256(garbage)}
    with pytest.raises(ProtocolError) as caught:
        check_grant(body, secret)
    assert caught.value.code is ErrorCode.ROTATION_MISMATCH
    with pytest.raises(ProtocolError) as caught:
        open_grant(body, garbage, TABLET.box, secret.context, secret.commit)
    assert caught.value.code is ErrorCode.CANNOT_OPEN


@pytest.mark.parametrize("field", ["n", "device", "box_pk", "wrap"])
def test_a_grant_with_any_other_field_is_a_mismatch(field: str) -> None:
    secret = epoch()
    body, _ = make_grant(secret, TABLET.id, TABLET.box.public)
    false = {"n": 2, "device": bytes(16), "box_pk": Author("x").box.public, "wrap": bytes(32)}
    with pytest.raises(ProtocolError) as caught:
        check_grant({**body, field: false[field]}, secret)
    assert caught.value.code is ErrorCode.ROTATION_MISMATCH


def test_a_grant_to_a_low_order_key_is_a_mismatch_a47() -> None:
    body, _ = make_grant(epoch(), TABLET.id, TABLET.box.public)
    with pytest.raises(ProtocolError) as caught:
        check_grant({**body, "box_pk": bytes(32)}, epoch())
    assert caught.value.code is ErrorCode.ROTATION_MISMATCH


def test_a_grant_of_one_epoch_opens_no_other() -> None:
    secret = epoch(3)
    body, w = make_grant(secret, TABLET.id, TABLET.box.public)
    later = EpochSecret(secret.secret, replace(secret.context, n=4))
    for claimed in (body, {**body, "n": 4}):
        with pytest.raises(ProtocolError) as caught:
            open_grant(claimed, w, TABLET.box, later.context, later.commit)
        assert caught.value.code is ErrorCode.CANNOT_OPEN
