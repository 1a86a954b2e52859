"""Random cases of everything that one implementation makes and another one opens.

A kind has a maker, whose outcome is bytes that both must make alike, and an opener: cases that open
these bytes, and damaged ones that must be refused with the same code.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.entry import MAX_BODY
from cencomm_crypto.public.keys import BoxKey, SigningKey
from cencomm_crypto.public.primitives import sha256

from tests.support.vector_runner.epochs import read_secret
from tests.support.vector_runner.reading import notation
from tests.web.bridge import Case

Inputs = dict[str, Any]
Outcome = dict[str, Any]
MOST = 2**53 - 1
# of text, around the padded sizes
SIZES = (0, 1, 7, 40, 170, 230, 700, 1000, 1007, 3000, 4000, 4079, 9000, 49_000)
ALPHABETS = ("abc XYZ-09", "éüñçőßÅ", "ΩжשعमไЖ", "港湾貨物検査", "🛳🚢🛃", "e\u0301")


@dataclass(frozen=True, slots=True)
class Kind:
    """`make` gives a case; `open`, from its inputs and outcome, those that open what was made."""

    make: Callable[[Random], Case]
    open: Callable[[Random, Inputs, Outcome], Iterator[Case]]


def flipped(random: Random, shown: str) -> str:
    """Hex with one bit of its bytes flipped."""
    data = bytearray.fromhex(shown)
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data.hex()


def damaged(random: Random, inputs: Inputs, names: tuple[str, ...]) -> Inputs:
    """One of the named byte strings with a flipped bit, cut short, or longer by a byte."""
    name = random.choice(names)
    shown = inputs[name]
    change = random.randrange(6)
    if change == 0:
        found = shown[:-2]
    elif change == 1:
        found = shown + random.randbytes(1).hex()
    else:
        found = flipped(random, shown)
    return {**inputs, name: found}


def text(random: Random, most: int) -> str:
    """Text of at most so many bytes, in NFC."""
    return cut(unicodedata.normalize("NFC", any_text(random, most)), most)


def any_text(random: Random, most: int) -> str:
    """As it comes: also in another normal form, which both must refuse."""
    letters = random.choice(ALPHABETS)
    return cut("".join(random.choices(letters, k=random.randint(1, most))), most)


def cut(found: str, most: int) -> str:
    return found.encode()[:most].decode(errors="ignore") or "x"


def context(random: Random) -> Inputs:
    return {
        "log": random.randbytes(16).hex(),
        "chan": random.randbytes(16).hex(),
        "n": random.choice((1, 2, random.randint(1, MOST), MOST)),
        "previous_commit": random.choice((bytes(32), random.randbytes(32))).hex(),
    }


def epoch(random: Random) -> Inputs:
    return {"secret": random.randbytes(32).hex(), **context(random)}


def head(random: Random) -> list[Any]:
    return [random.choice((0, random.randint(1, MOST))), random.randbytes(32)]


def header(random: Random, type_: str, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "v": 1,
        "suite": 1,
        "type": type_,
        "device": random.randbytes(16),
        "id": random.randbytes(16),
        "time": random.randint(0, MOST),
        "seen": head(random),
        "dir": head(random),
        "log": random.randbytes(16),
    }
    return {**found, **fields}


# -- entries ---------------------------------------------------------------------------------------

BODIES: dict[str, Callable[[Random], Any]] = {
    "message": lambda random: random.randbytes(random.choice((0, 1, 328, 5000))),
    "drop": lambda random: random.randbytes(random.choice((440, 1208))),
    "directory.sync": lambda random: {},
    "device.accept": lambda random: {"device": random.randbytes(16)},
    "members.remove": lambda random: {
        "persons": [random.randbytes(16) for _ in range(random.randint(1, 40))]
    },
    "hold": lambda random: {"reason": any_text(random, 2048)},
    "release": lambda random: {
        "entry": random.randbytes(32),
        "fields": [text(random, 64) for _ in range(random.randint(0, 9))],
        "use": text(random, 64),
        "manifest": random.randbytes(32),
    },
    "channel.flag": lambda random: {
        "n": random.choice((1, 2**64 - 1, 2**53)),
        "code": text(random, 32),
    },
    "channel.reveal": lambda random: {"n": random.randint(1, MOST), "kc": random.randbytes(32)},
    "drop.result": lambda random: {
        "re": random.randbytes(32),
        "device": random.randbytes(16),
        "box": random.randbytes(random.choice((304, 304, 304, 303, 305, 0))),
    },
}
CHANNELS = ("message", "drop", "channel.flag", "channel.reveal", "drop.result")
EPOCHS = ("message", "drop", "channel.flag")


def make_entry(random: Random) -> Case:
    kind = random.choice(sorted(BODIES))
    seed = random.randbytes(32)
    fields: dict[str, Any] = {}
    if kind in CHANNELS:
        fields["chan"] = random.randbytes(16)
    if kind in EPOCHS:
        fields["epoch"] = random.randint(1, MOST)
    if random.random() < 0.5:
        fields |= visible(random)
    shown = {"header": header(random, kind, **fields), "body": BODIES[kind](random)}
    return "author", {
        **{name: notation(found) for name, found in shown.items()},
        "seed": seed.hex(),
    }


def open_entry(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
    public = SigningKey.from_seed(bytes.fromhex(inputs["seed"])).public.hex()
    whole = {name: made[name] for name in ("header", "body", "sig")} | {"public": public}
    yield "verify entry", whole
    yield "verify entry", damaged(random, whole, ("header", "body", "sig", "public"))


def visible(random: Random) -> dict[str, Any]:
    """What a header may show of a message."""
    every: dict[str, Any] = {
        "kind": text(random, 32),
        "re": random.randbytes(32),
        "prio": text(random, 32),
        "ack_by": random.randint(0, MOST),
        "to": [random.randbytes(16) for _ in range(random.randint(1, 20))],
    }
    return {name: found for name, found in every.items() if random.random() < 0.5}


# -- messages and drops ----------------------------------------------------------------------------

VISIBLE = ("kind", "re", "prio", "ack_by", "to")
SECRET = ("secret", "log", "chan", "n", "previous_commit")


def sealed(random: Random, kind: str) -> Inputs:
    """What messages and drops share: the epoch, a header in it, a payload, and what is drawn."""
    secret = epoch(random)
    payload: dict[str, Any] = {
        "kind": "MSG",
        "mid": random.randbytes(16),
        "content": {"text": text(random, random.choice(SIZES) + 1)},
        **visible(random),
    }
    if random.random() < 0.5:
        numbers = (-(2**64), -1, 0, 23, 24, 2**53, 2**64 - 1)
        payload["content"] |= {"n": random.choice(numbers), "on": True, "list": [b"x", "y", []]}
    fields: dict[str, Any] = {
        "log": bytes.fromhex(secret["log"]),
        "chan": bytes.fromhex(secret["chan"]),
        "epoch": secret["n"],
    }
    if random.random() < 0.5:
        fields |= {name: payload[name] for name in VISIBLE if name in payload}
    if random.random() < 0.05:
        fields["prio"] = "another"  # which nobody may seal
    return {
        **secret,
        "header": encode(header(random, kind, **fields)).hex(),
        "payload": notation(payload),
        "nonce": random.randbytes(24).hex(),
        "salt": random.randbytes(16).hex(),
        "sig": random.randbytes(64).hex(),
    }


def make_message(random: Random) -> Case:
    return "message", sealed(random, "message")


def make_drop(random: Random) -> Case:
    inputs = sealed(random, "drop")
    drawn = {name: random.randbytes(32).hex() for name in ("mk", "ephemeral_seed")}
    return "drop", {**inputs, **drawn, "drop_pk": read_secret(inputs).drop_keys.public.hex()}


def open_sealed(op: str) -> Callable[[Random, Inputs, Outcome], Iterator[Case]]:
    """As who has the epoch, and with one thing that is not as it was."""

    def opened(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
        whole = {name: inputs[name] for name in (*SECRET, "header", "sig")} | {"body": made["body"]}
        yield op, whole
        names = ("secret", "log", "chan", "previous_commit", "header", "body", "body")
        yield op, damaged(random, whole, names)

    return opened


# -- results of drops ------------------------------------------------------------------------------


def make_result(random: Random) -> Case:
    """Now and then under a header of another type, or one that says what no result says."""
    seed = random.randbytes(32)
    kind = "drop.result" if random.random() < 0.95 else "channel.flag"
    fields = {"chan": random.randbytes(16), **({"epoch": 1} if kind == "channel.flag" else {})}
    said: Inputs = {"outcome": random.choice(("promoted", "dismissed", "merged", text(random, 32)))}
    if random.random() < 0.5:
        said["reason"] = text(random, 32)
    if random.random() < 0.1:
        said |= random.choice(({"reason": text(random, 9) * 33}, {"outcome": 1}, {"more": b""}))
    return "result", {
        "header": encode(header(random, kind, **fields)).hex(),
        "drop": random.randbytes(32).hex(),
        "device": random.randbytes(16).hex(),
        "box_pk": BoxKey.from_seed(seed).public.hex(),
        "box_sk": BoxKey.from_seed(seed).secret.hex(),
        "result": notation(said),
        "ephemeral_seed": random.randbytes(32).hex(),
        "sig": random.randbytes(64).hex(),
    }


def open_result(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
    """As the bot that it is for, damaged on the way, with another key, and moved to another hit."""
    whole = {name: inputs[name] for name in ("header", "sig", "box_sk")} | {"body": made["body"]}
    yield "open result", whole
    yield "open result", damaged(random, whole, ("header", "body", "body"))
    name = random.choice(("re", "device", "key"))
    if name == "key":
        yield (
            "open result",
            {**whole, "box_sk": BoxKey.from_seed(random.randbytes(32)).secret.hex()},
        )
    else:
        body = decode_map(bytes.fromhex(made["body"]), max_size=MAX_BODY)
        value = body[name]
        assert isinstance(value, bytes)
        moved = {**body, name: random.randbytes(len(value))}
        yield "open result", {**whole, "body": encode(moved).hex()}


# -- epochs: grants, shares, reveals ---------------------------------------------------------------


def make_grant(random: Random) -> Case:
    seed = random.randbytes(32)
    keys = {"box_seed": seed.hex(), "box_pk": BoxKey.from_seed(seed).public.hex()}
    return "make grant", {**epoch(random), **keys, "device": random.randbytes(16).hex()}


def open_grant(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
    commit = read_secret(inputs).commit.hex()
    whole = {**inputs, "body": made["body"], "wrap": made["wrap"], "commit": commit}
    yield "check grant", whole
    yield "open grant", whole
    yield "check grant", damaged(random, whole, ("secret", "log", "chan", "previous_commit"))
    yield "open grant", damaged(random, whole, ("wrap", "box_seed", "log", "chan", "commit"))


def make_escrow(random: Random) -> Case:
    k = random.randint(2, 5)
    return "escrow", {**epoch(random), "k": k, "count": random.randint(k, 8)}


def open_escrow(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
    """A wrap of one share, and the epoch from some of them, of which some may be false."""
    secret: EpochSecret = read_secret(inputs)
    seed, share = random.randbytes(32), random.choice(made["shares"])
    device = {
        "share": share,
        "device": random.randbytes(16).hex(),
        "box_pk": BoxKey.from_seed(seed).public.hex(),
    }
    yield "share wrap", {**inputs, **device}
    grant = {"request": random.randbytes(32).hex(), "x": 1, "share": share}
    opener = {"opener_box_pk": device["box_pk"], "ephemeral_seed": random.randbytes(32).hex()}
    yield "audit grant", {**inputs, **grant, **opener}
    shares = list(enumerate(made["shares"], start=1))
    given = sorted(random.sample(shares, random.randint(inputs["k"] - 1, len(shares))))
    rows = [[x, found if random.random() < 0.8 else flipped(random, found)] for x, found in given]
    whole = {
        **inputs,
        "escrow": made["escrow"],
        "kc": secret.close_key.key.hex(),
        "commit": secret.commit.hex(),
        "shares": rows,
    }
    yield "recover", whole
    yield "recover", damaged(random, whole, ("escrow", "kc", "commit", "log"))


def make_reveal(random: Random) -> Case:
    return "epoch", epoch(random)


def open_reveal(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
    """KC against its commitment, and what it gives of the epoch before."""
    whole = {**inputs, "kc": made["close_key"], "close_commit": made["close_commit"]}
    yield "verify reveal", whole
    yield "verify reveal", damaged(random, whole, ("kc", "close_commit", "log", "chan"))
    before = epoch(random)
    linked = {**inputs, "previous_secret": before["secret"], "previous_context": before}
    yield "links", linked
    previous = read_secret(before)
    sealed_key = read_secret(inputs).close_key.seal_previous(previous.close_key).hex()
    opening = {**linked, "sealed": sealed_key, "close_commit": previous.close_commit.hex()}
    yield "open prev_close", opening
    yield "open prev_close", damaged(random, opening, ("secret", "sealed", "close_commit"))


# -- notes -----------------------------------------------------------------------------------------


def make_note(random: Random) -> Case:
    name = "".join(random.choice("abc.-xyz0") for _ in range(random.randint(1, 40)))
    return "sign checkpoint", {
        "deployment": name,
        "log": random.randbytes(16).hex(),
        "size": random.choice((0, 1, random.randint(0, MOST), MOST)),
        "root": random.randbytes(32).hex(),
        "seed": random.randbytes(32).hex(),
    }


def open_note(random: Random, inputs: Inputs, made: Outcome) -> Iterator[Case]:
    """As it is, with one character changed, and with a witness's word under it."""
    key = SigningKey.from_seed(bytes.fromhex(inputs["seed"]))
    whole = {name: made[name] for name in ("note", "origin")} | {"public": key.public.hex()}
    yield "open checkpoint", whole
    place = random.randrange(len(made["note"]))
    letter = random.choice(("", "\n", " ", "0", "A", "+", "=", "—", "é"))
    note = made["note"][:place] + letter + made["note"][place + 1 :]
    yield "open checkpoint", {**whole, "note": note}
    seed = sha256(key.public)
    time = random.randint(0, 2**40)
    yield "cosign", {"note": made["note"], "name": "witness/1", "time_s": time, "seed": seed.hex()}


KINDS = {
    "entries": Kind(make_entry, open_entry),
    "grants": Kind(make_grant, open_grant),
    "escrow shares": Kind(make_escrow, open_escrow),
    "messages": Kind(make_message, open_sealed("open message")),
    "drops": Kind(make_drop, open_sealed("open drop")),
    "results": Kind(make_result, open_result),
    "reveals": Kind(make_reveal, open_reveal),
    "notes": Kind(make_note, open_note),
}
