"""Entries: the signed unit of both kinds of log (PROTOCOL 3, DESIGN 3 "Entry").

An entry is (header, body, sig). Header and body travel as the opaque bytes that were signed
and are never re-serialised (A14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.bodies import (
    BODIES,
    BOTH_LOGS,
    CHANNEL_TYPES,
    CODE,
    DIRECTORY_TYPES,
    EPOCH_TYPES,
    GENESIS_TYPES,
    ID,
    MILLIS,
    OPAQUE_TYPES,
    parse_body,
)
from cencomm_crypto.public.encoding import Value, decode_if, decode_map, encode
from cencomm_crypto.public.ids import ID_SIZE, ZERO_SCOPE, ChannelId, DeviceId, EntryId, LogId
from cencomm_crypto.public.keys import SIGNATURE_SIZE, SigningKey, SigType, verify
from cencomm_crypto.public.primitives import sha256, u64
from cencomm_crypto.public.shape import Array, Bytes, Fixed, Map, Text, UInt

ENTRY_V = 1
SUITE = 1
MAX_HEADER = 4 * 1024
MAX_BODY = 56 * 1024
MAX_ADDRESSEES = 200

_HEAD = Fixed((UInt(most=2**53 - 1), Bytes((32,))))
HEADER = Map(
    {
        "v": UInt(1, 65_535),
        "suite": UInt(1, 65_535),
        "type": Text(32),
        "device": ID,
        "id": ID,
        "time": MILLIS,
        "seen": _HEAD,
        "dir?": _HEAD,
        "log?": ID,
        "chan?": ID,
        "epoch?": UInt(1, 2**53 - 1),
        "kind?": CODE,
        "re?": Bytes((32,)),
        "prio?": CODE,
        "ack_by?": MILLIS,
        "to?": Array(ID, least=1, most=MAX_ADDRESSEES),
    }
)
_IS_HEADER = HEADER.surely()


class Head(NamedTuple):
    """A tree head that an author had verified: size, and RFC 6962 root of that size."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What the server may see of an entry, signed with it.

    `log` is absent in a genesis, `dir` in all directory entries, `chan` in control entries.
    """

    type: str
    device: DeviceId
    id: EntryId
    time: int  # ms since 1970 UTC; the author's claim
    seen: Head
    dir: Head | None = None
    log: LogId | None = None
    chan: ChannelId | None = None
    epoch: int | None = None
    kind: str | None = None
    re: bytes | None = None
    prio: str | None = None
    ack_by: int | None = None
    to: tuple[bytes, ...] | None = None
    v: int = ENTRY_V
    suite: int = SUITE
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)

    def encode(self) -> bytes:
        """Deterministic CBOR of the fields that are present.

        Made once: a message is sealed to its header before both are signed, which asks again.
        """
        if not self._encoded:
            object.__setattr__(self, "_encoded", encode(self._fields()))
        return self._encoded

    def _fields(self) -> dict[str, Value]:
        fields: dict[str, Value] = {
            "v": self.v,
            "suite": self.suite,
            "type": self.type,
            "device": self.device,
            "id": self.id,
            "time": self.time,
            "seen": list(self.seen),
        }
        if self.dir is not None:
            fields["dir"] = list(self.dir)
        if self.to is not None:
            fields["to"] = list(self.to)
        for name in ("log", "chan", "epoch", "kind", "re", "prio", "ack_by"):
            value = getattr(self, name)
            if value is not None:
                fields[name] = value
        return fields


@dataclass(frozen=True, slots=True)
class Entry:
    """A parsed entry together with the exact bytes that were signed.

    `body_bytes` is None once the body was erased; `body_hash` stays. `body` is the parsed map,
    None for the opaque types (message, drop) and for erased bodies.
    """

    header: Header
    header_bytes: bytes
    body_bytes: bytes | None
    body_hash: bytes
    sig: bytes
    body: Mapping[str, Value] | None
    header_hash: bytes
    inner: bytes
    _signer: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def scope(self) -> bytes:
        """The channel, or 16 zero bytes for control and directory entries."""
        return ZERO_SCOPE if self.header.chan is None else self.header.chan


def author(header: Header, body: Mapping[str, Value] | bytes, key: SigningKey) -> Entry:
    """Encode and sign; `body` is bytes for the opaque types, else a map of the type's shape."""
    header_bytes = header.encode()
    body_bytes = body if isinstance(body, bytes) else encode(body)
    signature = key.sign(SigType.ENTRY, sha256(header_bytes) + sha256(body_bytes))
    return parse(header_bytes, body_bytes, signature)


def parse(header_bytes: bytes, body_bytes: bytes, sig: bytes) -> Entry:
    """Read the bytes of an entry strictly: sizes, encoding, header and body shape.

    Does not verify the signature: the key is known only to the rules.
    """
    header = parse_header(header_bytes)
    if len(body_bytes) > MAX_BODY:
        raise ProtocolError(
            ErrorCode.TOO_LARGE, f"body of {len(body_bytes)} bytes, at most {MAX_BODY} expected"
        )
    body: Mapping[str, Value] | None = None
    if header.type not in OPAQUE_TYPES:
        body = parse_body(header.type, decode_map(body_bytes, max_size=MAX_BODY))
    return _assemble(header, header_bytes, body_bytes, sha256(body_bytes), sig, body)


def parse_erased(header_bytes: bytes, body_hash: bytes, sig: bytes) -> Entry:
    """Read an entry whose body was erased; only messages and drops can be (DESIGN 3 Erasure)."""
    header = parse_header(header_bytes)
    if header.type not in OPAQUE_TYPES or len(body_hash) != 32:
        raise ProtocolError(
            ErrorCode.MALFORMED, "only the body of a message or drop may be missing, with its hash"
        )
    return _assemble(header, header_bytes, None, body_hash, sig, None)


def parse_header(header_bytes: bytes) -> Header:
    """Read a header; raises ProtocolError, UNKNOWN_VERSION for a newer v (stop, never skip)."""
    fields = decode_if(_IS_HEADER, header_bytes) if len(header_bytes) <= MAX_HEADER else None
    sure = fields is not None
    if fields is None:
        fields = decode_map(header_bytes, max_size=MAX_HEADER)
    version = fields.get("v")
    if type(version) is int and version != ENTRY_V:
        raise ProtocolError(
            ErrorCode.UNKNOWN_VERSION, f"entry version {version}, {ENTRY_V} expected"
        )
    if not sure:
        HEADER.check(fields, "header")
    if fields["suite"] != SUITE:
        raise ProtocolError(
            ErrorCode.UNKNOWN_VERSION,
            f"suite {fields['suite']} is not known here, {SUITE} expected",
        )
    kind = fields["type"]
    if kind not in BODIES and kind not in OPAQUE_TYPES:  # before its shape: stop, never skip (A28)
        raise ProtocolError(ErrorCode.UNKNOWN_TYPE, f"entry type {ascii(kind)[:60]} is not known")
    if (kind in GENESIS_TYPES) != ("log" not in fields):
        raise ProtocolError(
            ErrorCode.MALFORMED, "header.log must be absent in a genesis and present elsewhere"
        )
    if (kind in CHANNEL_TYPES) != ("chan" in fields):
        raise ProtocolError(
            ErrorCode.WRONG_SCOPE, "header.chan must be present in a channel's entries, only there"
        )
    if (kind in EPOCH_TYPES) != ("epoch" in fields):
        raise ProtocolError(
            ErrorCode.MALFORMED,
            "header.epoch must be present in a rotate, grant, flag, message or drop, only there",
        )
    if kind not in BOTH_LOGS and (kind in DIRECTORY_TYPES) == ("dir" in fields):
        raise ProtocolError(
            ErrorCode.MALFORMED,
            "header.dir must be absent in the directory's entries and present in an operation's",
        )
    directory = fields.get("dir")
    addressees = fields.get("to")
    return Header(
        type=kind,
        device=DeviceId(fields["device"]),
        id=EntryId(fields["id"]),
        time=fields["time"],
        seen=Head(*fields["seen"]),
        dir=None if directory is None else Head(*directory),
        log=fields.get("log"),
        chan=fields.get("chan"),
        epoch=fields.get("epoch"),
        kind=fields.get("kind"),
        re=fields.get("re"),
        prio=fields.get("prio"),
        ack_by=fields.get("ack_by"),
        to=None if addressees is None else tuple(addressees),
        v=fields["v"],
        suite=fields["suite"],
    )


def verify_signature(entry: Entry, sign_pk: bytes) -> None:
    """Verify the author's signature; raises ProtocolError(BAD_SIGNATURE).

    Under one key it is verified once: a log is judged ahead of its rules, or twice over.
    """
    if entry._signer == sign_pk:
        return
    verify(sign_pk, SigType.ENTRY, entry.header_hash + entry.body_hash, entry.sig)
    object.__setattr__(entry, "_signer", sign_pk)


def leaf_hash(seq: int, at: int, scope: bytes, inner: bytes) -> bytes:
    """RFC 6962 hash of the leaf that commits to place, time, scope and content (A39)."""
    return sha256(b"\x00CENcomm/v1/leaf\x00", u64(seq), u64(at), scope, inner)


def log_id32(genesis: Entry) -> bytes:
    """All 32 bytes of a log's id; the first 16 are its LogId (A48)."""
    return sha256(b"CENcomm/v1/log\x00", genesis.header_hash, genesis.body_hash)


def channel_id(creator: Entry) -> ChannelId:
    """Id of the channel that `creator` (a channel.create, or a genesis: the main one) makes."""
    return ChannelId(
        sha256(b"CENcomm/v1/chan\x00", creator.header_hash, creator.body_hash)[:ID_SIZE]
    )


def _assemble(
    header: Header,
    header_bytes: bytes,
    body_bytes: bytes | None,
    body_hash: bytes,
    sig: bytes,
    body: Mapping[str, Value] | None,
) -> Entry:
    if len(sig) != SIGNATURE_SIZE:
        raise ProtocolError(
            ErrorCode.MALFORMED, f"signature of {len(sig)} bytes, {SIGNATURE_SIZE} expected"
        )
    header_hash = sha256(header_bytes)
    inner = sha256(header_hash, body_hash, sig)
    return Entry(header, header_bytes, body_bytes, body_hash, sig, body, header_hash, inner)
