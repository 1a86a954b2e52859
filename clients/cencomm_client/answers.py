"""What the server answers, as typed values; shapes are checked here, truth elsewhere.

Each parser takes bytes or a JSON object and gives a frozen value, or raises AnswerMalformed.
Nothing that stands here is verified: that is `verifier`'s.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.encoding import decode, decode_map
from cencomm_crypto.public.ids import DeviceId, LogId, PersonId
from cencomm_crypto.public.note import MAX_NOTE
from cencomm_crypto.public.shape import Array, Bytes, Fixed, Shape, UInt
from cencomm_crypto.public.wire import Receipt, split_sequence

from cencomm_client.errors import AnswerMalformed

_RECOVERY = re.compile(r"[A-Z2-7]{16}", re.ASCII)
MAX_RECOVERY = 32
MAX_RANGES = 1_000  # of lost places in one answer
MAX_SHORT = 64 * 1024  # bytes of an answer that holds no list

_PUSH_HEAD = Fixed((Bytes((16,)), UInt(most=2**53 - 1), Bytes(least=1, most=MAX_NOTE)))
_SHARE = Fixed((UInt(1, 16), Bytes(least=1, most=512)))


@dataclass(frozen=True, slots=True)
class EntriesPage:
    """One page of a log: the CBOR sequence as sent, where to go on, and the size it claims."""

    items: bytes
    next: int
    size: int


@dataclass(frozen=True, slots=True)
class PushFrame:
    """A pushed step: the log, the size and note that cover it, and the items as sent."""

    log: LogId
    size: int
    note: bytes
    items: bytes


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What /v1/info says; believed only where it equals the pin.

    `directory` is empty while the server waits for its directory's genesis.
    """

    name: str
    directory: bytes
    log_key: bytes
    v: int
    suite: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """A nonce to sign, once; `expires_ms` by the server's clock."""

    nonce: bytes
    expires_ms: int


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Six digits of the authenticator, or a recovery code in their place.

    Told apart by what they are, however a person writes them: `123 456`, `abcd-efgh-ijkl-mnop`.
    """

    text: str = field(repr=False)

    def fields(self) -> dict[str, str]:
        """As a JSON field."""
        plain = "".join(self.text.split()).replace("-", "").upper()
        if _RECOVERY.fullmatch(plain):
            return {"recovery": plain}
        return {"totp": plain}

    @property
    def is_recovery(self) -> bool:
        """Whether it is a recovery code: it is used up by one login."""
        return "recovery" in self.fields()


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a login answers: when the session ends, and how many recovery codes are left.

    `recovery` holds fresh ones after a registration; they are shown once.
    """

    until_ms: int
    recovery_left: int | None = None
    recovery: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """A signed challenge: SIG(device, "login", ...) bound to a token (DESIGN 3 Login)."""

    device: DeviceId
    nonce: bytes
    expiry_ms: int
    token_hash: bytes
    sig: bytes

    def fields(self) -> dict[str, Any]:
        """As JSON fields."""
        return {
            "device": self.device.hex(),
            "nonce": self.nonce.hex(),
            "expiry": self.expiry_ms,
            "token_hash": self.token_hash.hex(),
            "sig": self.sig.hex(),
        }


@dataclass(frozen=True, slots=True)
class LogListing:
    """A log that the server lets this person read."""

    log: LogId
    kind: str  # "directory" | "operation"
    size: int


@dataclass(frozen=True, slots=True)
class ReceivedEnrolment:
    """Keys that came for an own invitation; nothing of it is proven yet."""

    invitation: bytes
    person: PersonId
    sign_pk: bytes
    box_pk: bytes
    enrol_sig: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Wraps:
    """The wrap of one epoch for this device, and this auditor's share wraps: (x, wrap)."""

    wrap: bytes | None
    shares: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server holds of a log: `size` entries of `signed`; equal where nothing is lost.

    `wanted`: the next place whose 56-byte form it wants of this device, `signed` if none.
    `lacks`: places without their entry, as ascending [from, to) ranges, perhaps not all.
    """

    size: int
    signed: int
    wanted: int
    lacks: tuple[tuple[int, int], ...]


def parse_standing(answer: Mapping[str, Any]) -> Standing:
    """Read the answer of /tail; raises AnswerMalformed."""
    size, signed = int_field(answer, "size"), int_field(answer, "signed")
    wanted, lacks = int_field(answer, "wanted"), answer.get("lacks")
    if not size <= wanted <= signed or not isinstance(lacks, list) or len(lacks) > MAX_RANGES:
        raise AnswerMalformed("tail: size <= wanted <= signed and a short list expected")
    ranges: list[tuple[int, int]] = []
    for row in lacks:
        least = ranges[-1][1] if ranges else size
        places = isinstance(row, list) and len(row) == 2 and all(type(at) is int for at in row)
        if not places or not least <= row[0] < row[1] <= signed:
            raise AnswerMalformed("lacks: ascending ranges of lost places expected")
        ranges.append((row[0], row[1]))
    return Standing(size, signed, wanted, tuple(ranges))


def parse_json(data: bytes) -> dict[str, Any]:
    """Read a JSON object; raises AnswerMalformed."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise AnswerMalformed("the answer is not JSON") from error
    if not isinstance(value, dict):
        raise AnswerMalformed("the answer is no JSON object")
    return value


def parse_session(answer: Mapping[str, Any]) -> OpenedSession:
    """Read what a login or a first registration answers; raises AnswerMalformed."""
    left = int_field(answer, "recovery_left") if "recovery_left" in answer else None
    codes = parse_recovery(answer) if "recovery" in answer else ()
    return OpenedSession(int_field(answer, "expires"), left, codes)


def parse_recovery(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Read a list of recovery codes; raises AnswerMalformed."""
    codes = answer.get("recovery")
    if (
        not isinstance(codes, list)
        or not 0 < len(codes) <= MAX_RECOVERY
        or not all(isinstance(code, str) and _RECOVERY.fullmatch(code) for code in codes)
    ):
        raise AnswerMalformed("recovery: a list of recovery codes expected")
    return tuple(codes)


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt; raises AnswerMalformed. Nothing of it is verified yet."""
    try:
        return Receipt.decode(data)
    except ProtocolError as error:
        raise AnswerMalformed(f"the answer is no receipt: {error.detail}") from error


def parse_wraps(data: bytes) -> Wraps:
    """Read the answer of /wraps: {wrap: b112 or absent, share: [[x, w], ...]}."""
    try:
        answer = decode_map(data, max_size=MAX_SHORT)
        wrap = answer.get("wrap", b"")
        _checked(Bytes((0, 112)), wrap, "wrap")
        shares = answer.get("share", [])
        _checked(Array(_SHARE, most=16), shares, "share")
    except ProtocolError as error:
        raise AnswerMalformed(f"wraps: {error.detail}") from error
    return Wraps(wrap or None, tuple((x, share) for x, share in shares))


def parse_push(data: bytes) -> PushFrame:
    """Read an `entries` or `head` event: [log16, size, note], then items."""
    try:
        first = next(iter(split_sequence(data)), b"")
        head = decode(first, max_size=MAX_NOTE + 64)
        _checked(_PUSH_HEAD, head, "push")
    except ProtocolError as error:
        raise AnswerMalformed(f"push: {error.detail}") from error
    return PushFrame(LogId(head[0]), head[1], head[2], data[len(first) :])


def token_text(token: bytes) -> str:
    """A token as it stands in Authorization: base64url without padding."""
    return base64.urlsafe_b64encode(token).decode("ascii").rstrip("=")


def _checked(shape: Shape, value: object, path: str) -> None:
    shape.check(value, path)


def text_field(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise AnswerMalformed(f"{name}: text expected")
    return value


def int_field(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise AnswerMalformed(f"{name}: a whole number expected")
    return value


def objects_field(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = answer.get(name)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise AnswerMalformed(f"{name}: a list of objects expected")
    return value


def hex_field(answer: Mapping[str, Any], name: str, size: int) -> bytes:
    return unhex(answer.get(name), name, size)


def unhex(value: object, name: str, size: int) -> bytes:
    if isinstance(value, str) and len(value) == 2 * size:
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise AnswerMalformed(f"{name}: {size} bytes in hexadecimal expected")


def header_int(headers: Mapping[str, str], name: str) -> int:
    value = headers.get(name, "")
    if not value.isascii() or not value.isdigit() or len(value) > 16:
        raise AnswerMalformed(f"{name}: a whole number expected")
    return int(value)
