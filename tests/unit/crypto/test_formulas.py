"""PROTOCOL's formulas, written anew from its text alone, give the published vectors.

A second reading: nothing of `cencomm_crypto` is imported here. What a formula leaves open would
show, as it would to who implements the protocol elsewhere.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import cbor2
import nacl.bindings as sodium
import pytest

FOLDER = Path(__file__).parents[3] / "crypto" / "vectors"
ZERO32 = bytes(32)
SIZES = (256, 1024, 4096, 16384, 32768, 49152)

Case = dict[str, Any]


def of(book: str, *ops: str) -> list[Any]:
    """Cases that come out well, by their op."""
    cases = json.loads((FOLDER / f"{book}.json").read_text("ascii"))["cases"]
    chosen = [case for case in cases if case["op"] in ops and "output" in case]
    return [pytest.param(case, id=case["name"]) for case in chosen]


def x(case: Case, name: str) -> bytes:
    return bytes.fromhex(case["inputs"][name])


def out(case: Case, name: str) -> bytes:
    return bytes.fromhex(case["output"][name])


def plain(shown: Any) -> Any:
    """A value from the notation of 1.7."""
    if isinstance(shown, dict):
        if "hex" in shown:
            return bytes.fromhex(shown["hex"])
        if "int" in shown:
            return int(shown["int"])
        return {key: plain(item) for key, item in shown["map"]}
    return [plain(item) for item in shown] if isinstance(shown, list) else shown


def encode(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


# -- 1.3 -------------------------------------------------------------------------------------------


def h(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def u(number: int, bits: int) -> bytes:
    return number.to_bytes(bits // 8, "big")


def b(k: bytes, label: str, value: bytes) -> bytes:
    return blake2b(label.encode() + b"\0" + value, key=k, digest_size=32).digest()


def kdf(k: bytes, i: int) -> bytes:
    salt, person = i.to_bytes(8, "little") + bytes(8), b"CENcomm1" + bytes(8)
    return blake2b(b"", key=k, digest_size=32, salt=salt, person=person).digest()


def mth(leaves: list[bytes]) -> bytes:
    """Over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else h()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return h(b"\1", mth(leaves[:half]), mth(leaves[half:]))


def sig(seed: bytes, kind: str, message: bytes) -> bytes:
    _, secret = sodium.crypto_sign_seed_keypair(seed)
    return sodium.crypto_sign(b"CENcomm/v1/" + kind.encode() + b"\0" + message, secret)[:64]


def once(k: bytes, ad: bytes, message: bytes) -> bytes:
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(message, ad, bytes(24), k)


def seal(seed: bytes, message: bytes, pk: bytes) -> bytes:
    epk, esk = sodium.crypto_box_seed_keypair(seed)
    nonce = blake2b(epk + pk, digest_size=24).digest()
    return epk + sodium.crypto_box_easy(message, nonce, pk, esk)


# -- 3, 4, 5 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", of("entries", "author"))
def test_entries(case: Case) -> None:
    header, body = plain(case["inputs"]["header"]), plain(case["inputs"]["body"])
    raw_header = encode(header)
    raw_body = body if isinstance(body, bytes) else encode(body)
    signature = sig(x(case, "seed"), "entry", h(raw_header) + h(raw_body))
    assert (raw_header, raw_body) == (out(case, "header"), out(case, "body"))
    assert signature == out(case, "sig")
    assert h(h(raw_header), h(raw_body), signature) == out(case, "inner")
    assert header.get("chan", bytes(16)) == out(case, "scope")


@pytest.mark.parametrize("case", of("entries", "log id", "channel id"))
def test_ids(case: Case) -> None:
    word = b"log" if case["op"] == "log id" else b"chan"
    found = h(b"CENcomm/v1/" + word + b"\0", h(x(case, "header")), h(x(case, "body")))
    assert found[: len(out(case, "id"))] == out(case, "id")


@pytest.mark.parametrize("case", of("entries", "leaf"))
def test_leaves(case: Case) -> None:
    place = u(case["inputs"]["seq"], 64) + u(case["inputs"]["at"], 64)
    found = h(b"\0CENcomm/v1/leaf\0", place, x(case, "scope"), x(case, "inner"))
    assert found == out(case, "leaf")


@pytest.mark.parametrize("case", of("tree", "roots"))
def test_roots(case: Case) -> None:
    assert mth([bytes.fromhex(leaf) for leaf in case["inputs"]["leaves"]]) == out(case, "root")


@pytest.mark.parametrize("case", of("notes", "sign checkpoint"))
def test_notes(case: Case) -> None:
    inputs = case["inputs"]
    name = f"{inputs['deployment']}/cencomm/{inputs['log']}"
    text = f"{name}\n{inputs['size']}\n{base64.b64encode(x(case, 'root')).decode()}\n".encode()
    public, secret = sodium.crypto_sign_seed_keypair(x(case, "seed"))
    key_id = h(name.encode(), b"\n\1", public)[:4]
    blob = base64.b64encode(key_id + sodium.crypto_sign(text, secret)[:64])
    assert text + f"\n\u2014 {name} ".encode() + blob + b"\n" == case["output"]["note"].encode()


# -- 8 ---------------------------------------------------------------------------------------------


class Epoch:
    """8.1 from E and what names the epoch."""

    def __init__(self, secret: bytes, inputs: dict[str, Any]) -> None:
        ids = bytes.fromhex(inputs["log"]) + bytes.fromhex(inputs["chan"])
        previous = bytes.fromhex(inputs["previous_commit"])
        self.e = secret
        self.c = u(1, 16) + ids + u(inputs["n"], 64) + previous
        key = b(secret, "epoch", self.c)
        self.k1, self.k2, self.drop = (kdf(key, i) for i in (1, 2, 3))
        self.kc = b(secret, "close-key", self.c)


def epoch_of(case: Case) -> Epoch:
    return Epoch(x(case, "secret"), case["inputs"])


@pytest.mark.parametrize("case", of("epochs", "epoch"))
def test_epochs(case: Case) -> None:
    epoch = epoch_of(case)
    assert len(epoch.c) == 74
    assert b(epoch.e, "commit", epoch.c) == out(case, "commit")
    assert (epoch.k1, epoch.k2) == (out(case, "message_key"), out(case, "link_key"))
    assert sodium.crypto_box_seed_keypair(epoch.drop)[0] == out(case, "drop_pk")
    assert epoch.kc == out(case, "close_key")
    assert b(epoch.kc, "close", epoch.c) == out(case, "close_commit")
    assert b(epoch.e, "audit", epoch.c) == out(case, "audit_secret")


@pytest.mark.parametrize("case", of("epochs", "wrap"))
def test_wraps(case: Case) -> None:
    epoch, target = epoch_of(case), x(case, "device") + x(case, "box_pk")
    seed = b(epoch.e, "wrap", epoch.c + target)
    assert seal(seed, epoch.e + h(epoch.c), x(case, "box_pk")) == out(case, "wrap")


@pytest.mark.parametrize("case", of("epochs", "links"))
def test_links(case: Case) -> None:
    epoch = epoch_of(case)
    before = Epoch(x(case, "previous_secret"), case["inputs"]["previous_context"])
    assert once(epoch.k2, h(epoch.c), before.e) == out(case, "prev_link")
    key = b(epoch.kc, "prev-close", epoch.c)
    assert once(key, h(epoch.c), before.kc) == out(case, "prev_close")


def times(left: int, right: int) -> int:
    """In GF(2^8), polynomial 0x11b."""
    product = 0
    while right:
        product ^= left if right & 1 else 0
        left = left << 1 ^ (0x11B if left & 0x80 else 0)
        right >>= 1
    return product


def shares(secret: bytes, coefficients: list[bytes], count: int) -> list[bytes]:
    found = []
    for place in range(1, count + 1):
        share = bytearray(secret)
        power = 1
        for term in coefficients:
            power = times(power, place)
            share = bytearray(y ^ times(a, power) for y, a in zip(share, term, strict=True))
        found.append(bytes(share))
    return found


@pytest.mark.parametrize("case", of("escrow", "split"))
def test_shares(case: Case) -> None:
    terms = [bytes.fromhex(term) for term in case["inputs"]["coefficients"]]
    found = shares(x(case, "secret"), terms, case["inputs"]["count"])
    assert [share.hex() for share in found] == case["output"]["shares"]


@pytest.mark.parametrize("case", of("escrow", "escrow"))
def test_escrows(case: Case) -> None:
    epoch, k = epoch_of(case), case["inputs"]["k"]
    s = b(epoch.e, "audit", epoch.c)
    sealed = once(b(epoch.kc, "escrow", s + epoch.c), h(epoch.c), epoch.e)
    assert sealed == out(case, "escrow")
    terms = [b(epoch.e, "share", epoch.c + u(j, 8)) for j in range(1, k)]
    found = shares(s, terms, case["inputs"]["count"])
    assert [share.hex() for share in found] == case["output"]["shares"]


@pytest.mark.parametrize("case", of("escrow", "share wrap"))
def test_share_wraps(case: Case) -> None:
    epoch, share, pk = epoch_of(case), x(case, "share"), x(case, "box_pk")
    seed = b(epoch.e, "audit-wrap", epoch.c + x(case, "device") + pk + share)
    assert seal(seed, share + h(epoch.c), pk) == out(case, "wrap")


def tail(mk: bytes, header_hash: bytes, payload: bytes, nonce: bytes, salt: bytes) -> bytes:
    """N || cm || ct of 8.5."""
    cm = b(mk, "commit", nonce + header_hash)
    text = salt + payload + b"\x80"
    text += bytes(next(size for size in SIZES if size >= len(text)) - len(text))
    aead = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt
    return nonce + cm + aead(text, header_hash + cm, nonce, mk)


@pytest.mark.parametrize("case", of("messages", "message"))
def test_messages(case: Case) -> None:
    header_hash, payload = h(x(case, "header")), encode(plain(case["inputs"]["payload"]))
    mk = b(epoch_of(case).k1, "msg", header_hash)
    assert tail(mk, header_hash, payload, x(case, "nonce"), x(case, "salt")) == out(case, "body")


@pytest.mark.parametrize("case", of("messages", "drop"))
def test_drops(case: Case) -> None:
    header_hash, payload = h(x(case, "header")), encode(plain(case["inputs"]["payload"]))
    box = seal(x(case, "ephemeral_seed"), x(case, "mk") + header_hash, x(case, "drop_pk"))
    rest = tail(x(case, "mk"), header_hash, payload, x(case, "nonce"), x(case, "salt"))
    assert box + rest == out(case, "body")


@pytest.mark.parametrize("case", of("epochs", "make rotation"))
def test_rotates(case: Case) -> None:
    """What of a rotate does not rest on the state: commitments, links, wraps and their roots."""
    body = plain(case["output"]["body"])
    wraps = [
        out(case, "wraps")[start : start + 112] for start in range(0, body["count"] * 112, 112)
    ]
    assert len(out(case, "shares")) == body.get("shares", 0) * 112
    assert len(wraps) == body["count"]
    if body["p"]:
        previous = case["inputs"]["previous"]
        before = Epoch(bytes.fromhex(previous["secret"]), previous["context"])
        named = {**previous["context"], "n": case["output"]["n"]}
        named["previous_commit"] = b(before.e, "commit", before.c).hex()
        epoch = Epoch(x(case, "secret"), named)
        assert body["commit"] == b(epoch.e, "commit", epoch.c)
        assert body["close_commit"] == b(epoch.kc, "close", epoch.c)
        assert body["prev_link"] == once(epoch.k2, h(epoch.c), before.e)


# -- 10 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", of("login", "stretch"))
def test_login(case: Case) -> None:
    account = case["inputs"]["account"].encode()
    salt = h(b"CENcomm/v1/login\0", x(case, "directory"), account)[:16]
    password = unicodedata.normalize("NFC", case["inputs"]["password"]).encode()
    found = sodium.crypto_pwhash_alg(
        64, password, salt, 3, 64 << 20, sodium.crypto_pwhash_ALG_ARGON2ID13
    )
    assert b(found[:32], "login", found[32:]) == out(case, "login")
    assert b(found[:32], "vault", found[32:]) == out(case, "vault")


@pytest.mark.parametrize("case", of("login", "challenge"))
def test_challenge(case: Case) -> None:
    parts = x(case, "nonce"), x(case, "directory"), case["inputs"]["origin"].encode()
    message = h(*parts, h(x(case, "token")), u(case["inputs"]["expiry"], 64))
    assert sig(x(case, "seed"), "login", message) == out(case, "signature")


@pytest.mark.parametrize("case", of("invitation", "invitation"))
def test_invitations(case: Case) -> None:
    fields = dict(case["inputs"])
    fields |= {name: x(case, name) for name in ("directory", "person", "secret")}
    data = encode(fields)
    word = "cencomm1-" + base64.urlsafe_b64encode(data + h(data)[:4]).decode().rstrip("=")
    assert word == case["output"]["text"]
    assert b(fields["secret"], "invitation-id", fields["directory"])[:16] == out(case, "lookup")


@pytest.mark.parametrize("case", of("invitation", "invitation proof"))
def test_proofs(case: Case) -> None:
    parts = ("directory", "person", "sign_pk", "box_pk")
    found = b(x(case, "secret"), "enrol", b"".join(x(case, part) for part in parts))
    assert found == out(case, "proof")


@pytest.mark.parametrize("case", of("keys", "root message", "device id", "administration id"))
def test_keys(case: Case) -> None:
    if case["op"] == "device id":
        assert h(b"CENcomm/v1/device\0", x(case, "sign_pk"))[:16] == out(case, "id")
    elif case["op"] == "administration id":
        assert h(x(case, "root"))[:16] == out(case, "id")
    else:
        body = plain(case["inputs"]["body"])
        del body["sigs"]
        assert x(case, "directory") + h(encode(body)) == out(case, "message")
