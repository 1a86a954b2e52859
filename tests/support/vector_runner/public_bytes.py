"""Ops of PROTOCOL 1, 3, 4, 5, 9: what anybody may compute from bytes alone."""

from __future__ import annotations

from typing import Any

from cencomm_crypto.member.sealing import open_once, seal_box, seal_once
from cencomm_crypto.public import tree
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.entry import (
    Entry,
    Head,
    Header,
    author,
    channel_id,
    leaf_hash,
    log_id32,
    parse,
    parse_erased,
    verify_signature,
)
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    admin_id,
    check_box_key,
    check_sign_key,
    device_id,
    enrol_message,
    root_message,
    verify,
)
from cencomm_crypto.public.note import (
    Checkpoint,
    cosign,
    cosignatures,
    open_checkpoint,
    origin,
    sign_checkpoint,
)
from cencomm_crypto.public.primitives import kdf, keyed, sha256
from cencomm_crypto.public.wire import (
    Receipt,
    Submission,
    decode_sequenced,
    decode_sequenced_stream,
    encode_sequenced,
)
from nacl import bindings as sodium

from tests.support.vector_runner.reading import Inputs, Op, Outcome, notation, raw, value

_PREFIX = b"CENcomm/v1/"


def _decode(inputs: Inputs) -> Outcome:
    return {"value": notation(decode(raw(inputs, "data"), max_size=inputs["max_size"]))}


def _encoding(inputs: Inputs) -> Outcome:
    data = encode(value(inputs["value"]))
    assert decode(data, max_size=4096) == value(inputs["value"])
    return {"data": data}


def _sig(inputs: Inputs) -> Outcome:
    key = SigningKey.from_seed(raw(inputs, "seed"))
    kind, message = SigType(inputs["type"]), raw(inputs, "message")
    signature = key.sign(kind, message)
    verify(key.public, kind, message, signature)
    signed = _PREFIX + kind.encode() + b"\x00" + message
    assert sodium.crypto_sign_open(signature + signed, key.public) == signed
    return {"public": key.public, "signature": signature, "signed": signed}


def _verify(inputs: Inputs) -> Outcome:
    kind = SigType(inputs["type"])
    verify(raw(inputs, "public"), kind, raw(inputs, "message"), raw(inputs, "signature"))
    return {}


def _once(inputs: Inputs) -> Outcome:
    key, ad, message = raw(inputs, "key"), raw(inputs, "ad"), raw(inputs, "m")
    sealed = seal_once(key, ad, message)
    assert open_once(key, ad, sealed) == message
    return {"sealed": sealed}


def _sealed_box(inputs: Inputs) -> Outcome:
    """The stock `crypto_box_seal_open` opens it."""
    sealed = seal_box(raw(inputs, "seed"), raw(inputs, "m"), raw(inputs, "pk"))
    opened = sodium.crypto_box_seal_open(sealed, raw(inputs, "pk"), raw(inputs, "secret"))
    assert opened == raw(inputs, "m")
    return {"sealed": sealed, "epk": sealed[:32]}


def _box_seed(inputs: Inputs) -> Outcome:
    key = BoxKey.from_seed(raw(inputs, "seed"))
    return {"public": key.public, "secret": key.secret}


def _possession(inputs: Inputs) -> Outcome:
    person = PersonId(raw(inputs, "person"))
    message = enrol_message(raw(inputs, "directory"), person, raw(inputs, "box_pk"))
    key = SigningKey.from_seed(raw(inputs, "seed"))
    return {"proof": key.sign(SigType.ENROL, message), "message": message}


def _root_message(inputs: Inputs) -> Outcome:
    message = root_message(raw(inputs, "directory"), value(inputs["body"]))
    return {"message": message, "hash": message[32:]}


def _checked(check: Any, name: str) -> Op:
    def op(inputs: Inputs) -> Outcome:
        check(raw(inputs, name))
        return {}

    return op


# -- entries ---------------------------------------------------------------------------------------


def _author(inputs: Inputs) -> Outcome:
    fields = value(inputs["header"])
    for name in ("seen", "dir"):
        if name in fields:
            fields[name] = Head(*fields[name])
    if "to" in fields:
        fields["to"] = tuple(fields["to"])
    kinds = {"device": DeviceId, "id": EntryId, "log": LogId, "chan": ChannelId}
    fields |= {name: kind(fields[name]) for name, kind in kinds.items() if name in fields}
    key = SigningKey.from_seed(raw(inputs, "seed"))
    entry = author(Header(**fields), value(inputs["body"]), key)
    verify_signature(entry, key.public)
    return {
        "header": entry.header_bytes,
        "body": entry.body_bytes,
        "sig": entry.sig,
        "inner": entry.inner,
        "scope": entry.scope,
        "header_hash": entry.header_hash,
        "body_hash": entry.body_hash,
    }


def _entry(inputs: Inputs) -> Entry:
    return parse(raw(inputs, "header"), raw(inputs, "body"), raw(inputs, "sig"))


def _erased(inputs: Inputs) -> Entry:
    return parse_erased(raw(inputs, "header"), raw(inputs, "body_hash"), raw(inputs, "sig"))


def _parse_zeros(inputs: Inputs) -> Outcome:
    return {"inner": parse(raw(inputs, "header"), bytes(inputs["zeros"]), bytes(64)).inner}


def _verify_entry(inputs: Inputs) -> Outcome:
    verify_signature(_entry(inputs), raw(inputs, "public"))
    return {}


def _verify_erased(inputs: Inputs) -> Outcome:
    verify_signature(_erased(inputs), raw(inputs, "public"))
    return {}


def _leaf(inputs: Inputs) -> Outcome:
    scope, inner = raw(inputs, "scope"), raw(inputs, "inner")
    return {"leaf": leaf_hash(inputs["seq"], inputs["at"], scope, inner)}


# -- tree and notes --------------------------------------------------------------------------------


def _hashes(inputs: Inputs, name: str) -> list[bytes]:
    return [bytes.fromhex(one) for one in inputs[name]]


def _inclusion(inputs: Inputs) -> Outcome:
    leaves, index, size = _hashes(inputs, "leaves"), inputs["index"], inputs["size"]
    grown = tree.Tree(leaves)
    proof, root = grown.inclusion(index, size), grown.root(size)
    tree.verify_inclusion(leaves[index], index, size, proof, root)
    return {"proof": proof, "root": root}


def _consistency(inputs: Inputs) -> Outcome:
    old, new = inputs["old"], inputs["new"]
    grown = tree.Tree(_hashes(inputs, "leaves"))
    proof, roots = grown.consistency(old, new), (grown.root(old), grown.root(new))
    tree.verify_consistency(old, roots[0], new, roots[1], proof)
    return {"proof": proof, "old_root": roots[0], "new_root": roots[1]}


def _verify_inclusion(inputs: Inputs) -> Outcome:
    tree.verify_inclusion(
        raw(inputs, "leaf"),
        inputs["index"],
        inputs["size"],
        _hashes(inputs, "proof"),
        raw(inputs, "root"),
    )
    return {}


def _verify_consistency(inputs: Inputs) -> Outcome:
    tree.verify_consistency(
        inputs["old"],
        raw(inputs, "old_root"),
        inputs["new"],
        raw(inputs, "new_root"),
        _hashes(inputs, "proof"),
    )
    return {}


def _sign_checkpoint(inputs: Inputs) -> Outcome:
    name = origin(inputs["deployment"], raw(inputs, "log"))
    head = Checkpoint(name, inputs["size"], raw(inputs, "root"))
    key = SigningKey.from_seed(raw(inputs, "seed"))
    note = sign_checkpoint(head, key)
    assert open_checkpoint(note, name, key.public) == head
    key_id = sha256(name.encode() + b"\n\x01" + key.public)[:4]
    return {
        "note": note.decode(),
        "text": head.text().decode(),
        "origin": name,
        "key_id": key_id,
        "public": key.public,
    }


def _open_checkpoint(inputs: Inputs) -> Outcome:
    head = open_checkpoint(inputs["note"].encode(), inputs["origin"], raw(inputs, "public"))
    return {"origin": head.origin, "size": head.size, "root": head.root}


def _cosign(inputs: Inputs) -> Outcome:
    key = SigningKey.from_seed(raw(inputs, "seed"))
    return {"note": cosign(inputs["note"].encode(), inputs["name"], key, inputs["time_s"]).decode()}


def _cosignatures(inputs: Inputs) -> Outcome:
    known = {name: bytes.fromhex(key) for name, key in inputs["witnesses"].items()}
    return {"times": cosignatures(inputs["note"].encode(), known)}


# -- transport -------------------------------------------------------------------------------------


def _item(inputs: Inputs) -> Outcome:
    item = decode_sequenced(raw(inputs, "data"))
    if item.entry is None or item.entry.body_bytes is not None:
        assert encode_sequenced(item) == raw(inputs, "data")
    return {
        "seq": item.seq,
        "at": item.at,
        "scope": item.scope,
        "inner": item.inner,
        "leaf": item.leaf,
    }


def _submission(inputs: Inputs) -> Outcome:
    read = Submission.decode(raw(inputs, "data"))
    assert read.encode() == raw(inputs, "data")
    names = ("header", "body", "sig", "wraps", "shares")
    return {name: getattr(read, name) for name in names}


def _receipt(inputs: Inputs) -> Outcome:
    read = Receipt.decode(raw(inputs, "data"))
    assert read.encode() == raw(inputs, "data")
    return {"seq": read.seq, "at": read.at, "note": read.note.decode(), "proof": read.proof}


def _verify_receipt(inputs: Inputs) -> Outcome:
    """WIRE-3: the note is the log's, and its tree holds the author's own leaf."""
    read = Receipt.decode(raw(inputs, "data"))
    head = open_checkpoint(read.note, inputs["origin"], raw(inputs, "public"))
    leaf = leaf_hash(read.seq, read.at, raw(inputs, "scope"), raw(inputs, "inner"))
    tree.verify_inclusion(leaf, read.seq, head.size, read.proof, head.root)
    return {"size": head.size}


OPS: dict[str, Op] = {
    "decode": _decode,
    "encoding": _encoding,
    "B": lambda inputs: {"out": keyed(raw(inputs, "key"), inputs["label"], raw(inputs, "x"))},
    "KDF": lambda inputs: {"out": kdf(raw(inputs, "key"), inputs["i"])},
    "MTH": lambda inputs: {"root": tree.root_of(_hashes(inputs, "data"))},
    "SIG": _sig,
    "once": _once,
    "open once": lambda inputs: {
        "m": open_once(raw(inputs, "key"), raw(inputs, "ad"), raw(inputs, "sealed"))
    },
    "sealed box": _sealed_box,
    "box seed": _box_seed,
    "signing key": _checked(check_sign_key, "public"),
    "box key": _checked(check_box_key, "public"),
    "verify": _verify,
    "device id": lambda inputs: {"id": device_id(raw(inputs, "sign_pk"))},
    "administration id": lambda inputs: {"id": admin_id(raw(inputs, "root"))},
    "proof of possession": _possession,
    "root message": _root_message,
    "author": _author,
    "parse": lambda inputs: {"inner": _entry(inputs).inner},
    "parse zeros": _parse_zeros,
    "parse erased": lambda inputs: {"inner": _erased(inputs).inner},
    "verify entry": _verify_entry,
    "verify erased": _verify_erased,
    "log id": lambda inputs: {"id": log_id32(_entry(inputs))},
    "channel id": lambda inputs: {"id": channel_id(_entry(inputs))},
    "leaf": _leaf,
    "roots": lambda inputs: {"root": tree.Tree(_hashes(inputs, "leaves")).root()},
    "inclusion": _inclusion,
    "consistency": _consistency,
    "verify inclusion": _verify_inclusion,
    "verify consistency": _verify_consistency,
    "sign checkpoint": _sign_checkpoint,
    "open checkpoint": _open_checkpoint,
    "cosign": _cosign,
    "cosignatures": _cosignatures,
    "item": _item,
    "items": lambda inputs: {
        "seqs": [
            item.seq
            for item in decode_sequenced_stream(raw(inputs, "data") + bytes(inputs.get("zeros", 0)))
        ]
    },
    "submission": _submission,
    "receipt": _receipt,
    "verify receipt": _verify_receipt,
}
