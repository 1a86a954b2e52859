"""messages.json: PROTOCOL 8.5 to 8.7."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nacl.bindings as sodium
from cencomm_crypto.member.drop import seal_drop
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import PADDED_SIZES, message_key, pad, seal_message
from cencomm_crypto.member.payload import MAX_PAYLOAD, forged_fields
from cencomm_crypto.member.profile import Profile, profile_content
from cencomm_crypto.member.result import seal_result
from cencomm_crypto.member.sealing import seal_box
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, Head, Header, author
from cencomm_crypto.public.ids import ChannelId, EntryId, PersonId
from cencomm_crypto.public.keys import BoxKey, SigningKey, device_id
from cencomm_crypto.public.primitives import keyed, sha256

from tests.support.two_keys import collide
from tests.support.vectors.epoch_keys import CHAN, FIRST, LOG, SECOND, context
from tests.support.vectors.notation import Book, Case, Json, fixed, show

KEY = SigningKey.from_seed(fixed("message author"))
NOW = 1_767_225_600_000
N = fixed("nonce", 24)
SALT = fixed("salt", 16)
HEADER = Header(
    type="message",
    device=device_id(KEY.public),
    id=EntryId(fixed("entry", 16)),
    time=NOW,
    seen=Head(7, fixed("root")),
    dir=Head(3, fixed("directory root")),
    log=LOG,
    chan=CHAN,
    epoch=1,
)
DROP = replace(HEADER, type="drop")
RESULT_HEADER = replace(HEADER, type="drop.result", epoch=None)
PLAIN = {"kind": "MSG", "mid": fixed("mid", 16), "content": {"text": "Conteneur vu à quai 7"}}
FULL = {
    "kind": "WRN", "mid": fixed("mid", 16), "content": {"container": "MSCU6639870"},
    "re": fixed("answered"), "prio": "flash", "ack_by": NOW + 600_000, "to": [fixed("to", 16)],
}  # fmt: skip
SHOWN = replace(
    HEADER, kind="WRN", re=fixed("answered"), prio="flash", ack_by=NOW + 600_000,
    to=(fixed("to", 16),),
)  # fmt: skip


def book() -> Book:
    """Messages, drops, their padding, what does not open, and profiles."""
    cases = [
        *_sealed(),
        *_padding(),
        *_unopened(),
        *_drops(),
        *_results(),
        *_payloads(),
        *_profiles(),
    ]
    return Book("PROTOCOL 8.5 to 8.7 and 8.11: messages, drops, profiles, results", cases)


def _given(secret: EpochSecret) -> dict[str, Json]:
    return {"secret": secret.secret, **context(secret.context)}


def _sealed() -> Iterator[Case]:
    minimal = replace(HEADER, id=EntryId(fixed("minimal", 16)))
    rows: dict[str, tuple[Header, EpochSecret, dict[str, Any]]] = {
        "message": (HEADER, FIRST, PLAIN),
        "message whose header shows all": (SHOWN, FIRST, FULL),
        "message whose header shows nothing": (minimal, FIRST, FULL),
        "message of the second epoch": (replace(HEADER, epoch=2), SECOND, PLAIN),
    }
    for name, (header, secret, payload) in rows.items():
        body = seal_message(header, secret, payload, N, SALT)
        entry = author(header, body, KEY)
        key = message_key(secret, entry.header_hash)
        yield Case(
            name,
            "MSG-4",
            "message",
            {
                **_given(secret),
                "header": entry.header_bytes,
                "sig": entry.sig,
                "payload": show(payload),
                "nonce": N,
                "salt": SALT,
            },
            {"body": body},
            intermediate={
                "header_hash": entry.header_hash,
                "mk": key,
                "cm": keyed(key, "commit", N, entry.header_hash),
                "payload_bytes": encode(payload),
            },
        )


def _padding() -> Iterator[Case]:
    for size in PADDED_SIZES:
        for length in (size - 2, size - 1, size):
            if length >= PADDED_SIZES[-1]:
                continue
            padded = pad(bytes(length))
            yield Case(f"{length} bytes", "MSG-4", "pad", {"zeros": length},
                       {"size": len(padded), "tail": padded[length:][:8]})  # fmt: skip
    yield Case("no byte but the salt", "MSG-4", "pad", {"zeros": 16},
               {"size": 256, "tail": "80" + "00" * 7})  # fmt: skip
    yield Case("the longest payload", "MSG-3", "pad", {"zeros": MAX_PAYLOAD + 16},
               {"size": 49_152, "tail": "80"})  # fmt: skip
    yield Case("a byte more than the longest", "MSG-3", "pad", {"zeros": MAX_PAYLOAD + 17},
               failure="too_large")  # fmt: skip


def _opening(entry: Entry, secret: EpochSecret) -> dict[str, Json]:
    return {
        **_given(secret),
        "header": entry.header_bytes,
        "body": entry.body_bytes,
        "sig": entry.sig,
    }


def _unopened() -> Iterator[Case]:
    body = seal_message(HEADER, FIRST, PLAIN, N, SALT)
    good = author(HEADER, body, KEY)
    yield Case("opens", "MSG-1", "open message", _opening(good, FIRST), {"payload": show(PLAIN)})
    other = EpochSecret(FIRST.secret, replace(FIRST.context, chan=ChannelId(bytes(16))))
    elsewhere: dict[str, tuple[Header, bytes, EpochSecret]] = {
        "with another secret": (HEADER, body, EpochSecret(fixed("other"), FIRST.context)),
        "with another epoch's secret": (HEADER, body, SECOND),
        "with another channel's secret": (HEADER, body, other),
        "under another id": (replace(HEADER, id=EntryId(bytes(16))), body, FIRST),
        "under another device": (replace(HEADER, time=NOW + 1), body, FIRST),
        "under another epoch": (replace(HEADER, epoch=2), body, SECOND),
        "under another seen": (replace(HEADER, seen=Head(8, fixed("root"))), body, FIRST),
        "with a flipped bit of N": (HEADER, _flip(body, 0), FIRST),
        "with a flipped bit of cm": (HEADER, _flip(body, 30), FIRST),
        "with a flipped bit of ct": (HEADER, _flip(body, 60), FIRST),
        "with a flipped bit of its tag": (HEADER, _flip(body, len(body) - 1), FIRST),
        "cut by a byte": (HEADER, body[:-1], FIRST),
        "longer by a byte": (HEADER, body + b"\x00", FIRST),
        "of no size of the list": (HEADER, _resized(257), FIRST),
        "empty": (HEADER, b"", FIRST),
        "without padding": (HEADER, _raw(bytes(256)), FIRST),
        "shorter than its salt": (HEADER, _raw(b"\x01" * 15 + b"\x80" + bytes(240)), FIRST),
        "whose payload is no CBOR": (HEADER, _raw(pad(SALT + b"\xff")), FIRST),
        "whose payload is not canonical": (
            HEADER, _raw(pad(SALT + bytes.fromhex("a2") + b"\x61b\x01\x61a\x01")), FIRST),
        "whose payload has another shape": (HEADER, _raw(pad(SALT + encode({"kind": "M"}))), FIRST),
    }  # fmt: skip
    for name, (header, changed, secret) in elsewhere.items():
        entry = author(header, changed, KEY)
        yield Case(f"message {name}", "MSG-1", "open message", _opening(entry, secret),
                   failure="cannot_open")  # fmt: skip
    yield from _two_keys()
    erased = _opening(good, FIRST)
    erased["body_hash"] = sha256(erased.pop("body"))
    yield Case("message whose body is erased", "MSG-1", "open message", erased,
               failure="cannot_open")  # fmt: skip


def _two_keys() -> Iterator[Case]:
    """A9: a ciphertext that opens under two keys is refused under both but the one of its cm."""
    header_hash = sha256(HEADER.encode())
    found = collide(N, header_hash + fixed("cm"), 256)
    for name, key in (("first", found.first), ("second", found.second)):
        text = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            found.ciphertext, header_hash + fixed("cm"), N, key
        )
        yield Case(f"one ciphertext under two keys, the {name}", "MSG-1", "open under a key",
                   {"mk": key, "header_hash": header_hash,
                    "body": N + fixed("cm") + found.ciphertext},
                   failure="cannot_open", intermediate={"aead_opens_to": text[:16]})  # fmt: skip


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _raw(padded: bytes) -> bytes:
    """A body whose padded text is given."""
    header_hash = sha256(HEADER.encode())
    key = message_key(FIRST, header_hash)
    cm = keyed(key, "commit", N, header_hash)
    ct = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, header_hash + cm, N, key)
    return N + cm + ct


def _resized(size: int) -> bytes:
    return _raw(sodium.sodium_pad(SALT + encode(PLAIN), size))


def _drops() -> Iterator[Case]:
    key, seed = fixed("drop key"), fixed("ephemeral")
    body = seal_drop(DROP, FIRST.drop_keys.public, PLAIN, key, N, SALT, seed)
    entry = author(DROP, body, KEY)
    yield Case(
        "drop",
        "DRP-1",
        "drop",
        {
            "header": entry.header_bytes,
            "drop_pk": FIRST.drop_keys.public,
            "payload": show(PLAIN),
            "mk": key,
            "nonce": N,
            "salt": SALT,
            "ephemeral_seed": seed,
        },
        {"body": body},
        intermediate={"box": body[:112], "cm": body[136:168]},
    )
    yield Case("a drop opens", "DRP-1", "open drop", _opening(entry, FIRST),
               {"payload": show(PLAIN)})  # fmt: skip
    twice = seal_drop(DROP, FIRST.drop_keys.public, PLAIN, key, N, SALT, fixed("again"))
    again = replace(DROP, id=EntryId(fixed("other entry", 16)))
    rows: dict[str, tuple[Header, bytes, EpochSecret]] = {
        "posted again under another header": (again, body, FIRST),
        "with another epoch's secret": (replace(DROP, epoch=2), body, SECOND),
        "with a flipped bit in its box": (DROP, _flip(body, 40), FIRST),
        "with a flipped bit in its tail": (DROP, _flip(body, 200), FIRST),
        "with another drop's tail": (DROP, twice[:112] + _flip(body[112:], 3), FIRST),
        "cut to its box": (DROP, body[:112], FIRST),
    }
    for name, (header, changed, secret) in rows.items():
        yield Case(f"a drop {name}", "DRP-1", "open drop",
                   _opening(author(header, changed, KEY), secret),
                   failure="cannot_open")  # fmt: skip
    yield Case("a message read as a drop", "DRP-1", "open drop",
               _opening(author(HEADER, body, KEY), FIRST), failure="cannot_open")  # fmt: skip


def _results() -> Iterator[Case]:
    bot, drop, device = BoxKey.from_seed(fixed("bot")), fixed("a drop"), fixed("bot", 16)
    former, seed = BoxKey.from_seed(fixed("bot before")), fixed("ephemeral")
    rows: dict[str, dict[str, Any]] = {
        "promoted": {"outcome": "promoted"},
        "dismissed, with a reason": {"outcome": "dismissed", "reason": "duplicate"},
        "of a later version": {"outcome": "x" * 32, "reason": "y" * 32},
    }
    given = {"header": RESULT_HEADER.encode(), "drop": drop, "device": device,
             "box_pk": bot.public, "ephemeral_seed": seed}  # fmt: skip
    for name, said in rows.items():
        body = seal_result(RESULT_HEADER, drop, device, bot.public, said, seed)
        yield Case(f"a result: {name}", "DRR-2", "result", {**given, "result": show(said)},
                   {"body": encode(body)})  # fmt: skip
        yield Case(f"a result opens: {name}", "DRR-3", "open result",
                   _result_in(author(RESULT_HEADER, body, KEY), bot),
                   {"result": show(said)})  # fmt: skip
    yield Case("a result under the header of a drop", "DRR-2", "result",
               {**given, "header": DROP.encode(), "result": show({"outcome": "merged"})},
               failure="wrong_type")  # fmt: skip
    wrong: dict[str, dict[str, Any]] = {
        "without an outcome": {"reason": "duplicate"},
        "with a long reason": {"outcome": "dismissed", "reason": "z" * 33},
        "with a text of its own": {"outcome": "dismissed", "remarks": "Jan Kowalski"},
    }
    for name, said in wrong.items():
        yield Case(f"a result {name}", "DRR-2", "result", {**given, "result": show(said)},
                   failure="malformed")  # fmt: skip
    body = seal_result(RESULT_HEADER, drop, device, bot.public, {"outcome": "promoted"}, seed)
    box = bytes(body["box"])
    other = SigningKey.from_seed(fixed("another author"))
    as_own = replace(RESULT_HEADER, device=device_id(other.public))
    again = replace(RESULT_HEADER, id=EntryId(fixed("other entry", 16)))
    unopened: dict[str, tuple[Header, dict[str, Any], BoxKey, SigningKey]] = {
        "in another entry": (again, body, bot, KEY),
        "posted as somebody else's own": (as_own, body, bot, other),
        "about another drop": (RESULT_HEADER, {**body, "re": fixed("another")}, bot, KEY),
        "to another device": (RESULT_HEADER, {**body, "device": fixed("2", 16)}, bot, KEY),
        "with a flipped bit": (RESULT_HEADER, {**body, "box": _flip(box, 100)}, bot, KEY),
        "with another key": (RESULT_HEADER, body, former, KEY),
    }  # fmt: skip
    for name, (header, changed, key, by) in unopened.items():
        yield Case(f"a result {name}", "DRR-3", "open result",
                   _result_in(author(header, changed, by), key),
                   failure="cannot_open")  # fmt: skip
    bind = sha256(b"CENcomm/v1/result\0", sha256(RESULT_HEADER.encode()), drop, device)
    off_shape = {
        "whose box holds no padding": bytes(224),
        "whose box holds another shape": sodium.sodium_pad(encode({"outcome": 1}), 224),
        "whose box holds no map": sodium.sodium_pad(encode("promoted"), 224),
    }
    for name, padded in off_shape.items():
        changed = {**body, "box": seal_box(seed, bind + padded, bot.public)}
        yield Case(f"a result {name}", "DRR-3", "open result",
                   _result_in(author(RESULT_HEADER, changed, KEY), bot),
                   failure="cannot_open")  # fmt: skip


def _result_in(entry: Entry, key: BoxKey) -> dict[str, Json]:
    return {"header": entry.header_bytes, "body": entry.body_bytes or b"", "sig": entry.sig,
            "box_sk": key.secret}  # fmt: skip


def _payloads() -> Iterator[Case]:
    bad: dict[str, tuple[dict[str, Any], str]] = {
        "without a kind": ({"mid": bytes(16), "content": {}}, "malformed"),
        "with a mid of 15 bytes": ({**PLAIN, "mid": bytes(15)}, "malformed"),
        "with an unknown key": ({**PLAIN, "extra": 1}, "malformed"),
        "with a content that is no map": ({**PLAIN, "content": []}, "wrong_type"),
        "with 201 addressees": ({**PLAIN, "to": [bytes(16)] * 201}, "malformed"),
    }
    yield Case("payload", "MSG-3", "check payload", {"payload": show(FULL)}, {})
    for name, (payload, code) in bad.items():
        yield Case(f"payload {name}", "MSG-3", "check payload", {"payload": show(payload)},
                   failure=code)  # fmt: skip
    changes: dict[str, Header] = {
        "nothing": SHOWN,
        "nothing in a header that shows nothing": HEADER,
        "the kind": replace(SHOWN, kind="MSG"),
        "what it answers": replace(SHOWN, re=bytes(32)),
        "the precedence": replace(SHOWN, prio="routine"),
        "the deadline": replace(SHOWN, ack_by=NOW),
        "the addressees": replace(SHOWN, to=(bytes(16),)),
        "two fields": replace(SHOWN, kind="MSG", prio="routine"),
    }
    for name, header in changes.items():
        yield Case(f"forged: {name}", "MSG-3", "forged fields",
                   {"header": header.encode(), "payload": show(FULL)},
                   {"fields": forged_fields(header, FULL)})  # fmt: skip
    yield Case("a header that shows what the payload does not hold", "MSG-3", "seal forged",
               {**_given(FIRST), "header": SHOWN.encode(), "payload": show(PLAIN), "nonce": N,
                "salt": SALT}, failure="forged_metadata")  # fmt: skip


def _profiles() -> Iterator[Case]:
    people = [
        Profile(PersonId(fixed("a", 16)), "FR-014", "Zoé Renaud", "DNRED", ("fr", "en"), "de nuit"),
        Profile(PersonId(fixed("b", 16)), "FR-015", "Ali Demir"),
    ]
    content = profile_content(people)
    yield Case("profiles of an administration", "PRF-1", "profiles", {"content": show(content)},
               {"persons": [[p.person, p.code, p.name] for p in people]})  # fmt: skip
    row = {"person": bytes(16), "code": "FR-014", "name": "A"}
    bad: dict[str, dict[str, Any]] = {
        "none": {"persons": []},
        "one person twice": {"persons": [row, row]},
        "without a name": {"persons": [{"person": bytes(16), "code": "FR-014"}]},
        "with a control character": {"persons": [{**row, "name": "A\nB"}]},
        "with an unknown field": {"persons": [{**row, "email": "a@example.org"}]},
        "a name of 201 bytes": {"persons": [{**row, "name": "a" * 201}]},
    }
    for name, forged in bad.items():
        yield Case(f"profiles: {name}", "PRF-1", "profiles", {"content": show(forged)},
                   failure="malformed")  # fmt: skip
