"""A10: a device restored from a snapshot draws the same random bytes again.

The key of a message comes from its header, so the same nonce never meets the same key; and two
entries under one id are told apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_client.authoring import entry_id
from cencomm_config.errors import ServiceCode
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.primitives import sha256

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import Careless
from tests.mallory.insiders import secret_of
from tests.mallory.test_a05_replays import Forgetful
from tests.mallory.world import ALERTS, DEPUTY, MEMBERS, OFFICER, PLAN, WARNING

NONCE_SIZE, COMMIT_SIZE = 24, 32
FIRST, SECOND = "we go in at four", "we go in at nine"


def drawn(what: str, size: int) -> bytes:
    """What the snapshot's generator gives, each time the same."""
    return sha256(what.encode())[:size]


def sealed(stage: Stage, header: Header, text: str) -> Entry:
    """A message of the restored device: salt and nonce as before the snapshot."""
    secret = secret_of(stage, OFFICER)
    assert secret is not None
    payload = make_payload("MSG", drawn("mid", 16), {"text": text})
    body = seal_message(header, secret, payload, drawn("nonce", 24), drawn("salt", 16))
    return stage.sign(OFFICER, header, body)


def header_of(stage: Stage, **fields: Any) -> Header:
    chan = stage.chan(ALERTS)
    return replace(stage.header(OFFICER, "message", chan=chan, epoch=1), **fields)


def ciphertext(entry: Entry) -> bytes:
    return (entry.body_bytes or b"")[NONCE_SIZE + COMMIT_SIZE :]


def xored(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("moved", ["time", "id", "seen"])
async def test_one_nonce_twice_never_meets_one_key(stages: Stages, moved: str) -> None:
    """Whatever of the header moved on since the snapshot: the two keystreams have nothing in
    common, so that the difference of the ciphertexts is not that of the texts."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        header = header_of(stage)
        first = sealed(stage, header, FIRST)
        same_key = sealed(stage, header, SECOND)  # what a key per epoch would have led to
        await stage.post(OFFICER, first)
        await stage.look(*MEMBERS)
        moves: dict[str, dict[str, Any]] = {
            "time": {"time": header.time + 1},
            "id": {"id": entry_id(stage.clock(), lambda size: drawn("id", size))},
            "seen": {"seen": stage.head()},
        }
        second = sealed(stage, replace(header, **moves[moved]), SECOND)
        assert (first.body_bytes or b"")[:NONCE_SIZE] == (second.body_bytes or b"")[:NONCE_SIZE]
        leak = xored(ciphertext(first), ciphertext(same_key))
        assert leak.count(0) > 200  # one key, one nonce: what is alike in both shows
        apart = xored(ciphertext(first), ciphertext(second))
        assert apart.count(0) < 20
        assert xored(leak, apart).count(0) < 20


@pytest.mark.parametrize("appends", [None, Careless], ids=["honest", "careless"])
async def test_the_restored_device_speaks_under_a_used_id(
    stages: Stages, appends: type[Careless] | None
) -> None:
    """The clock went back too: same id, other words. The first stands, for everybody."""
    changed: dict[str, Any] = {} if appends is None else {"Appends": appends, "keeps": Forgetful}
    async with stages(**changed) as stage:
        await stage.look(*MEMBERS)
        header = header_of(stage)
        await stage.post(OFFICER, sealed(stage, header, FIRST))
        again = header_of(stage, id=header.id, time=header.time)
        refused = await stage.offer(OFFICER, sealed(stage, again, SECOND))
        await stage.look(*MEMBERS)
        for code in (DEPUTY, OFFICER):
            assert stage.texts(code) == [WARNING, PLAN, FIRST]
        if appends is None:
            assert refused == ServiceCode.ID_REUSED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A5"}, *MEMBERS)
