"""Thousands of inputs near to sound ones, from a seed: bits, cuts, splices, fields, frames.

None of them is sound: signatures stay those of the sound bytes, or what is signed anew breaks a
rule by its construction.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.wire import Submission

from tests.mallory.world import OFFICER
from tests.support.bad_input.accounts import attempt
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.entries import signed
from tests.support.bad_input.http import CHALLENGE, OPENING
from tests.support.bad_input.sockets import APPEND

COUNTS = {"submission": 900, "field": 400, "json": 400, "frame": 100, "request": 200}
VALUES: list[Any] = [
    0, -1, 1, 2**53, 2**64 - 1, -(2**64), True, False, "", "x", "\u202e", "a" * 70, b"", bytes(15),
    bytes(16), bytes(17), bytes(32), [], [0], [0, b""], {}, {"a": 1}, [[[[1]]]],
]  # fmt: skip
NOISE = (b"\xff" * 8, bytes(8), b"\x9f\xbf\x5f\x7f")
BREAKING = ("v", "suite", "type", "log", "chan", "epoch", "seen", "dir", "device")
"""Header fields of which no other value makes a sound message of this device."""

Try = Callable[[], Awaitable[Answer]]


def scrambled(random: Random, data: bytes, other: bytes) -> bytes:
    """`data` with one to four things done to it; never the same as it."""
    made = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(made) + 1)
        match random.randrange(6):
            case 0 if made:
                made[place % len(made)] ^= 1 << random.randrange(8)
            case 1:
                made = made[:place]
            case 2:
                made[place:place] = random.randbytes(random.randint(1, 9))
            case 3:
                del made[place : place + random.randint(1, 40)]
            case 4:
                made[place : place + 8] = random.choice(
                    (b"\xff" * 8, bytes(8), b"\x9f\xbf\x5f\x7f")
                )
            case _:
                start = random.randrange(len(other))
                made[place:place] = other[start : start + random.randint(1, 60)]
    return bytes(made) if bytes(made) != data else bytes(made) + b"\x00"


def tries(bench: Bench, seed: int, share: int = 1) -> Iterator[tuple[str, Try]]:
    """One in `share` of each kind: a name with which to find it again, and how to send it."""
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    for kind, count in COUNTS.items():
        for number in range(count // share):
            yield f"{kind} {number} of seed {seed}", _MAKERS[kind](bench, random)


def _submission(bench: Bench, random: Random) -> Try:
    """Bytes of a sound submission, scrambled."""
    sound, other = (Submission.of(bench.message()).encode() for _ in range(2))
    data = scrambled(random, sound, other)
    return lambda: bench.submit(OFFICER, data)


def _field(bench: Bench, random: Random) -> Try:
    """A header with one field of another value, dropped or added; some signed anew."""
    entry = bench.message()
    fields = decode_map(entry.header_bytes, max_size=4096)
    before, value = dict(fields), random.choice(VALUES)
    name = random.choice(BREAKING)
    if random.random() < 0.2:
        fields.pop(name, None)
    elif random.random() < 0.2:
        fields[random.choice(("sig", "role", "", "x" * 23))] = value
    else:
        fields[name] = value
    if fields == before:
        fields["v"] = 9
    body = entry.body_bytes or b""
    try:
        header = encode(fields)
    except ProtocolError:
        header = scrambled(random, entry.header_bytes, body)
    if random.random() < 0.5:
        return lambda: bench.submit(OFFICER, Submission(header, body, entry.sig))
    return lambda: bench.submit(OFFICER, signed(bench, header, body))


def _json(bench: Bench, random: Random) -> Try:
    """A login with one field changed, or its text scrambled."""
    how, seed = random.randrange(3), random.randrange(2**32)

    async def send() -> Answer:
        fields = await attempt(bench)
        inner = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        if how == 0:
            text = json.dumps(fields).encode()
            return await bench.post_json("/v1/login", scrambled(inner, text, text))
        name = inner.choice(sorted(fields))
        if how == 1:
            del fields[name]
        else:
            values: list[Any] = [None, 0, -1, 2**70, 1.5, "", "zz", "0" * 9999, [], {}, [[]], True]
            fields[name] = inner.choice(values)
        return await bench.post_json("/v1/login", fields)

    return send


def _frame(bench: Bench, random: Random) -> Try:
    """An event on the live socket whose packet or bytes are scrambled."""
    data = bench.stage.log + Submission.of(bench.message()).encode()
    if random.random() < 0.5:
        broken = scrambled(random, data, data)
        return lambda: bench.socket(APPEND, broken)
    text = scrambled(random, APPEND.encode(), b'421["append",{}]').decode("latin-1")
    text = text.replace("\x00", "0")
    # a packet that still announces its bytes waits for them: give it some that are none
    return lambda: bench.socket(text, b"\xff" * 40, "9")


def _request(bench: Bench, random: Random) -> Try:
    """A request whose bytes are scrambled."""
    body = json.dumps({"device": "00" * 16}).encode()
    token = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=")
    sound = b"".join(
        (
            OPENING,
            b"Authorization: Bearer " + token + b"\r\n",
            b"Content-Length: %d\r\n\r\n" % len(body),
            body,
        )
    )
    data = scrambled(random, sound, sound)
    return lambda: bench.raw(data, patience_s=0.05)


_MAKERS: dict[str, Callable[[Bench, Random], Try]] = {
    "submission": _submission,
    "field": _field,
    "json": _json,
    "frame": _frame,
    "request": _request,
}
HARMLESS = {"request"}
"""Kinds of which some are sound all the same: a challenge for whichever device, which does
nothing."""
assert CHALLENGE.encode() in OPENING
