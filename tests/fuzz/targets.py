"""What any bytes may do to what reads them: be read alike by all, or be refused by code.

Each target takes one input and raises AssertionError (or whatever else escapes) where the code
under test does what it must not. Nothing here reads a clock, a file or a random number.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from cencomm_client import answers
from cencomm_client.errors import AnswerMalformed
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.bodies import BODIES, CHANNEL_TYPES, EPOCH_TYPES, OPAQUE_TYPES
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.encoding import decode, decode_map, encode
from cencomm_crypto.public.entry import (
    MAX_BODY,
    Entry,
    Head,
    Header,
    author,
    parse,
    parse_erased,
    verify_signature,
)
from cencomm_crypto.public.ids import EntryId
from cencomm_crypto.public.keys import SIGNATURE_SIZE, SigningKey
from cencomm_crypto.public.note import Checkpoint, cosignatures, open_checkpoint, origin
from cencomm_crypto.public.operation.projection import state_hash as operation_hash
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.scan import check_item
from cencomm_crypto.public.tail import TailPart
from cencomm_crypto.public.wire import (
    Receipt,
    Submission,
    decode_sequenced_stream,
    encode_sequenced,
    sequence,
)

from tests.support.cast import Cast
from tests.support.directory import START_AT, DirectoryBuilder, HeldDevice
from tests.support.operation import OperationBuilder

Target = Callable[[bytes], None]

KEY = SigningKey.from_seed(bytes(range(32)))
ORIGIN = origin("cencomm.example", bytes(16))
WITNESS = "witness.example/one"
_CODES = frozenset(ErrorCode)


# -- the decoder ------------------------------------------------------------------------------


def decoder(data: bytes) -> None:
    """The fast reader and the byte-by-byte one refuse alike; what is taken has one form (A14)."""
    refused, value = _code(lambda: decode(data, max_size=MAX_BODY))
    offence, _ = _code(lambda: check_item(data))
    if len(data) > MAX_BODY:
        assert refused is ErrorCode.TOO_LARGE
        return
    assert refused == offence, (refused, offence)
    if refused is None:
        assert encode(value) == data
        assert decode(encode(value), max_size=MAX_BODY) == value


# -- entries ----------------------------------------------------------------------------------


def cut_entry(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, body and signature out of one input: u16 size of the header, then all three."""
    size = int.from_bytes(data[:2], "big")
    header, rest = data[2 : 2 + size], data[2 + size :]
    return header, rest[:-SIGNATURE_SIZE], rest[-SIGNATURE_SIZE:]


def entry(data: bytes) -> None:
    """An entry that is read says what its bytes say, and nothing unsigned passes as signed."""
    header, body, sig = cut_entry(data)
    refused, found = _code(lambda: parse(header, body, sig))
    erased, bare = _code(lambda: parse_erased(header, sha256(body), sig))
    if refused is not None:
        if found is None and erased is None:  # its header is sound, so the body was at fault
            assert len(body) > MAX_BODY or len(sig) != SIGNATURE_SIZE
        return
    assert found.header.encode() == header
    assert found.body_bytes == body
    assert found.body is None or encode(found.body) == body
    assert (found.header.type in OPAQUE_TYPES) == (erased is None)
    if bare is not None:
        assert bare.inner == found.inner
        assert bare.scope == found.scope
    signed, _ = _code(lambda: verify_signature(found, KEY.public))
    assert signed in (None, ErrorCode.BAD_SIGNATURE)
    again = author(found.header, body if found.body is None else found.body, KEY)
    assert (again.header_bytes, again.body_bytes) == (header, body)
    verify_signature(again, KEY.public)


# -- notes ------------------------------------------------------------------------------------


def note(data: bytes) -> None:
    """A note opens only in its one form, whoever signed whatever text."""
    _open_note(data)
    signed = data + b"\n" + _signature_line(data)
    checkpoint = _open_note(signed)
    if checkpoint is not None:
        assert checkpoint.text() == data
        assert checkpoint.origin == ORIGIN


def _open_note(data: bytes) -> Checkpoint | None:
    refused, _ = _code(lambda: cosignatures(data, {WITNESS: KEY.public}))
    assert refused in (None, ErrorCode.BAD_NOTE)
    refused, checkpoint = _code(lambda: open_checkpoint(data, ORIGIN, KEY.public))
    assert refused in (None, ErrorCode.BAD_NOTE)
    if checkpoint is None:
        return None
    assert data.startswith(checkpoint.text() + b"\n")
    assert len(checkpoint.root) == 32
    assert isinstance(checkpoint, Checkpoint)
    return checkpoint


def _signature_line(text: bytes) -> bytes:
    key_id = sha256(ORIGIN.encode(), b"\n\x01", KEY.public)[:4]
    blob = base64.b64encode(key_id + KEY.sign_raw(text)).decode()
    return f"\u2014 {ORIGIN} {blob}\n".encode()


# -- what travels -----------------------------------------------------------------------------


def wire(data: bytes) -> None:
    """Every message between client and server: its first byte chooses which."""
    if data:
        _WIRE[data[0] % len(_WIRE)](data[1:])


def _items(data: bytes) -> None:
    _, items = _code(lambda: decode_sequenced_stream(data))
    if items is not None:
        assert b"".join(encode_sequenced(item) for item in items) == data


def _submission(data: bytes) -> None:
    _, found = _code(lambda: Submission.decode(data))
    if found is not None:
        assert found.encode() == data
        _, inside = _code(found.entry)
        assert inside is None or Submission.of(inside, found.wraps, found.shares) == found


def _receipt(data: bytes) -> None:
    _, found = _code(lambda: Receipt.decode(data))
    if found is not None:
        assert found.encode() == data


def _push(data: bytes) -> None:
    _, frame = _code(lambda: answers.parse_push(data))
    if frame is not None:
        head = encode([frame.log, frame.size, frame.note])
        assert head + frame.items == data


def _tail(data: bytes) -> None:
    _, found = _code(lambda: TailPart.decode(data))
    if found is not None:
        assert found.encode() == data


def _standing(data: bytes) -> None:
    _code(lambda: answers.parse_standing(answers.parse_json(data)))


def _wraps(data: bytes) -> None:
    _tail(data)  # here, and not in a place of its own: kept inputs choose by number
    _standing(data)
    _code(lambda: answers.parse_wraps(data))


def _json(data: bytes) -> None:
    _, answer = _code(lambda: answers.parse_json(data))
    for name in answer or {}:
        for read in (answers.text_field, answers.int_field, answers.objects_field):
            with suppress(AnswerMalformed):
                read(answer or {}, name)


def _invitation(data: bytes) -> None:
    text = data.decode("latin-1")
    _, found = _code(lambda: Invitation.parse(text))
    if found is not None:
        assert Invitation.parse(found.text()) == found


_WIRE: tuple[Target, ...] = (_items, _submission, _receipt, _push, _wraps, _json, _invitation)


# -- the rules --------------------------------------------------------------------------------

KINDS = tuple(sorted(BODIES)) + tuple(sorted(OPAQUE_TYPES))


@cache
def cast() -> Cast:
    return Cast.fresh()


def rules(data: bytes) -> None:
    """A member of any role signs any body: the rules answer with a state or a code, never else,
    and twice the same; what they refuse changes nothing."""
    if len(data) < 3:
        return
    company = cast()
    kind, who, how = KINDS[data[0] % len(KINDS)], data[1], data[2]
    people = [*company.by_role.values(), company.deputy, company.outsider]
    _, made = _code(lambda: _signed(company, kind, people[who % len(people)].device, how, data[3:]))
    if made is None:
        return
    log: OperationBuilder | DirectoryBuilder
    log = company.operation if how & 1 else company.directory
    item = sequence(log.log.size, START_AT * 2 if how & 2 else company.operation.clock, made)
    before = log.log.tree.root()
    stops, first = _code(lambda: log.log.check(item))
    again, second = _code(lambda: log.log.check(item))
    assert log.log.tree.root() == before
    assert stops == again
    if stops is not None:
        assert stops in _CODES
        return
    if isinstance(first, Rejected):
        assert isinstance(second, Rejected)
        assert (first.code, first.code in _CODES) == (second.code, True)
        return
    assert not isinstance(second, Rejected)
    hashed: Any = operation_hash if how & 1 else directory_hash
    assert hashed(first) == hashed(second)


def _signed(company: Cast, kind: str, device: HeldDevice, how: int, rest: bytes) -> Entry:
    genesis = kind.endswith(".genesis")
    operation, directory = company.operation, company.directory
    fields: dict[str, Any] = {
        "type": kind,
        "device": device.id,
        "id": EntryId(sha256(rest)[:16]),
        "time": operation.clock,
        "seen": Head(0, sha256(b"")) if genesis else (operation if how & 1 else directory).head,
    }
    if not genesis:
        fields["log"] = operation.log.id16 if how & 1 else directory.log.id16
    if how & 1:
        fields["dir"] = directory.head
    if kind in CHANNEL_TYPES:
        fields["chan"] = operation.main if how & 4 else company.work
    if kind in EPOCH_TYPES:
        fields["epoch"] = 1 + (how >> 3 & 1)
    if kind in OPAQUE_TYPES:
        return author(Header(**fields), rest, device.sign)
    body = filled(decode_map(rest, max_size=MAX_BODY), dict(enumerate(ids())))
    return author(Header(**fields), body, device.sign)


@cache
def ids() -> tuple[bytes, ...]:
    """What bodies name: persons, devices, channels, administrations, keys, leaves."""
    company = cast()
    people = [*company.by_role.values(), company.deputy, company.outsider]
    admins = (company.rilo, company.france, company.belgium)
    return (
        *(person.id for person in people),
        *(person.device.id for person in people),
        *(admin.id for admin in admins),
        *(company.operation.main, company.work),
        *(company.directory.id32, company.operation.log.id32),
        *(person.device.sign.public for person in people),
        *(person.device.box.public for person in people),
        *(item.leaf for item in company.operation.entries),
    )


def placeholder(number: int, size: int) -> bytes:
    """What stands in an input for the id or key of that number: inputs outlive the cast."""
    return bytes([number]) + b"id".ljust(size - 1, b"\0")


def filled(value: Any, known: Mapping[int, bytes]) -> Any:
    """A body with every placeholder replaced."""
    if isinstance(value, bytes) and len(value) in (16, 32):
        found = known.get(value[0], b"") if value == placeholder(value[0], len(value)) else b""
        return found if len(found) == len(value) else value
    if isinstance(value, dict):
        return {key: filled(item, known) for key, item in value.items()}
    return [filled(item, known) for item in value] if isinstance(value, list) else value


def _code(read: Callable[[], Any]) -> tuple[str | None, Any]:
    """What a reader gives, or the code with which it refuses."""
    try:
        return None, read()
    except (ProtocolError, AnswerMalformed) as error:
        return error.code, None


PURE: Mapping[str, Target] = {
    "decoder": decoder,
    "entry": entry,
    "note": note,
    "rules": rules,
    "wire": wire,
}
