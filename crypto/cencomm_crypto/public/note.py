"""Checkpoints and cosignatures as C2SP signed notes (tlog-checkpoint, tlog-cosignature).

Keys that sign notes sign nothing else; these are the only signatures without a prefix.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.keys import SIGNATURE_SIZE, SigningKey, verify_raw
from cencomm_crypto.public.primitives import equal, sha256, u64

MAX_NOTE = 16 * 1024
_MAX_SIZE = 2**53 - 1
_ED25519 = b"\x01"
_COSIGNATURE = b"\x04"
_KEY_ID_SIZE = 4
_SIGNATURE_LINE = "\u2014 "  # em dash and a space, as C2SP signed-note says


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: origin line, size, RFC 6962 root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """The note's text: three lines, no extension lines, so that it has one byte form."""
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\n".encode()


def origin(deployment: str, log_id: bytes) -> str:
    """Origin line and key name of a log: "<deployment>/cencomm/<log id hex>" (DESIGN 2)."""
    return f"{deployment}/cencomm/{log_id.hex()}"


def is_key_name(name: str) -> bool:
    """Whether a note's lines can carry the name (C2SP signed-note: no space, no plus sign).

    ASCII only, so that no two implementations differ about what is white space.
    """
    return bool(name) and all("!" <= letter <= "~" and letter != "+" for letter in name)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed note of a head; the same bytes whichever process signs."""
    text = checkpoint.text()
    blob = _key_id(checkpoint.origin, _ED25519, key.public) + key.sign_raw(text)
    return text + b"\n" + _line(checkpoint.origin, blob)


def open_checkpoint(note: bytes, expected_origin: str, log_key: bytes) -> Checkpoint:
    """Verify the log's own signature and read the head; raises ProtocolError(BAD_NOTE)."""
    text, lines = _split(note)
    wanted = _key_id(expected_origin, _ED25519, log_key)
    for name, blob in lines:
        if name == expected_origin and blob[:4] == wanted:
            try:
                verify_raw(log_key, text, blob[4:])
            except ProtocolError as error:
                raise _bad("the log's signature does not verify") from error
            break
    else:
        raise _bad("no signature by the log's key")
    checkpoint = _parse(text)
    if checkpoint.origin != expected_origin:
        raise _bad("the origin is another log's")
    return checkpoint


def cosign(note: bytes, name: str, key: SigningKey, time_s: int) -> bytes:
    """The note with one more line: a witness's cosignature/v1 over it at `time_s` (Unix)."""
    text, _ = _split(note)
    blob = (
        _key_id(name, _COSIGNATURE, key.public)
        + u64(time_s)
        + key.sign_raw(_cosigned(time_s, text))
    )
    return note + _line(name, blob)


def cosignatures(note: bytes, witnesses: Mapping[str, bytes]) -> dict[str, int]:
    """Verified cosignatures by known witnesses: name -> Unix time in seconds.

    Lines of unknown keys are ignored; a line of a known key that does not verify is refused.
    """
    text, lines = _split(note)
    times: dict[str, int] = {}
    for name, blob in lines:
        key = witnesses.get(name)
        if key is None or blob[:4] != _key_id(name, _COSIGNATURE, key):
            continue
        if len(blob) != 4 + 8 + SIGNATURE_SIZE:
            raise _bad("a cosignature of another size")
        time_s = int.from_bytes(blob[4:12], "big")
        try:
            verify_raw(key, _cosigned(time_s, text), blob[12:])
        except ProtocolError as error:
            raise _bad("a witness's cosignature does not verify") from error
        times[name] = max(time_s, times.get(name, 0))
    return times


def _cosigned(time_s: int, text: bytes) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n".encode() + text


def _key_id(name: str, kind: bytes, public: bytes) -> bytes:
    return sha256(name.encode(), b"\n", kind, public)[:4]


def _line(name: str, blob: bytes) -> bytes:
    encoded = base64.b64encode(blob).decode("ascii")
    return f"{_SIGNATURE_LINE}{name} {encoded}\n".encode()


def _split(note: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE:
        raise _bad("the note is too large")
    text, gap, rest = note.rpartition(b"\n\n")
    if not gap or not rest.endswith(b"\n"):
        raise _bad("no blank line before the signatures")
    lines: list[tuple[str, bytes]] = []
    try:
        for line in rest.decode("utf-8").removesuffix("\n").split("\n"):
            name, encoded = line.removeprefix(_SIGNATURE_LINE).split(" ")
            if not line.startswith(_SIGNATURE_LINE) or not name or "+" in name:
                raise _bad("a signature line of another form")
            blob = base64.b64decode(encoded, validate=True)
            if base64.b64encode(blob).decode("ascii") != encoded:
                raise _bad("a signature that is not in the one form of its base64")
            if len(blob) <= _KEY_ID_SIZE:
                raise _bad("a signature line of another form")
            lines.append((name, blob))
    except (ValueError, binascii.Error) as error:
        raise _bad("a signature line of another form") from error
    return text + b"\n", lines


def _parse(text: bytes) -> Checkpoint:
    try:
        name, size, root, end = text.decode("utf-8").split("\n")
        checkpoint = Checkpoint(name, int(size), base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error) as error:
        raise _bad("not the three lines of a checkpoint") from error
    if end or len(checkpoint.root) != 32 or not 0 <= checkpoint.size <= _MAX_SIZE:
        raise _bad("a size, and a root of 32 bytes, expected")
    if not equal(checkpoint.text(), text):
        raise _bad("not the one byte form of a checkpoint")
    return checkpoint


def _bad(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.BAD_NOTE, detail)
