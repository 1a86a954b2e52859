"""Entries of the directory that nobody may make, or that no root signed."""

from __future__ import annotations

from functools import partial
from typing import Any

from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, device_id, enrol_message
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Submission

from tests.mallory.world import ANALYST, CHIEF, CONTACT, OFFICER, OUTSIDER
from tests.support.bad_input.bench import CBOR, Answer, Bench
from tests.support.bad_input.cases import Group

Body = dict[str, Any]
SIGN = SigningKey.from_seed(sha256(b"a device that is new"))
BOX = BoxKey.from_seed(sha256(b"the box of a device that is new"))

people = Group("directory")
PEOPLE: list[tuple[str, str, str, str, Body]] = [
    ("a person by an officer", "not_permitted", OFFICER, "person.add",
     {"person": b"n" * 16, "code": "FR-500", "kind": "human"}),
    ("a person of another administration", "bad_value", CONTACT, "person.add",
     {"person": b"n" * 16, "code": "FR-500", "kind": "human"}),
    ("a code that is taken", "already_exists", CONTACT, "person.add",
     {"person": b"n" * 16, "code": ANALYST, "kind": "human"}),
    ("a code that looks like another", "already_exists", CONTACT, "person.add",
     {"person": b"n" * 16, "code": "BE-O99", "kind": "human"}),
    ("suspending nobody", "unknown_person", CONTACT, "person.suspend", {"person": bytes(16)}),
    ("resuming who is active", "already_exists", CONTACT, "person.resume", {}),
    ("suspending somebody of another administration", "not_permitted", CONTACT, "person.suspend",
     {"of": OFFICER}),
    ("revoking a device that is not there", "unknown_device", CONTACT, "device.revoke",
     {"device": bytes(16)}),
    ("the rekey to a key of small order", "bad_key", ANALYST, "device.rekey",
     {"box_pk": bytes(32)}),
    ("a role by who has none to give", "unknown_person", CONTACT, "role.request",
     {"person": bytes(16), "role": "operations"}),
]  # fmt: skip
for _name, _code, _by, _kind, _body in PEOPLE:

    async def _person(
        bench: Bench, by: str = "", kind: str = "", body: Body | None = None
    ) -> Answer:
        fields = dict(body or {})
        if kind in ("person.suspend", "person.resume") and "person" not in fields:
            fields["person"] = bench.stage.person(fields.pop("of", OUTSIDER))
        return await bench.post(by, bench.directory_entry(by, kind, fields))

    people.case(_name, _code)(partial(_person, by=_by, kind=_kind, body=_body))


async def _device(
    bench: Bench, sign: SigningKey = SIGN, box_pk: bytes = BOX.public, to: str = OUTSIDER
) -> Answer:
    """A device.add for the outsider, proven for `to`."""
    station = bench.stage.station(CONTACT)
    message = enrol_message(station.vault.directory_id, bench.stage.person(to), box_pk)
    body = {
        "person": bench.stage.person(OUTSIDER),
        "sign_pk": sign.public,
        "box_pk": box_pk,
        "proof": sign.sign(SigType.ENROL, message),
    }
    return await bench.post(CONTACT, bench.directory_entry(CONTACT, "device.add", body))


people.case("a device with a box key of small order", "bad_key")(
    partial(_device, box_pk=b"\x01" + bytes(31))
)
people.case("a device that was proven for somebody else", "bad_signature")(
    partial(_device, to=ANALYST)
)


@people.case("a device with a key that is taken", "key_reused")
async def _taken(bench: Bench) -> Answer:
    return await _device(bench, sign=bench.stage.station(ANALYST).vault.device_key)


@people.case("wraps beside an entry of the directory", "malformed")
async def _wraps(bench: Bench) -> Answer:
    body = {"box_pk": BOX.public}
    entry = bench.directory_entry(ANALYST, "device.rekey", body)
    return await bench.post(ANALYST, entry, wraps=bytes(112))


roots = Group("root signatures")


def latest(bench: Bench, kind: str) -> Entry:
    """The newest entry of a type in the directory."""
    items = bench.stage.station(CHIEF).mirror.items(bench.stage.directory)
    return [i.entry for i in items if i.entry is not None and i.entry.header.type == kind][-1]


def next_serial(bench: Bench) -> int:
    """What the governance root's next order would carry."""
    return bench.stage.station(CHIEF).directory.governance.serial + 1


async def root_entry(bench: Bench, entry: Entry, **changed: Any) -> Answer:
    """The body of a root-signed entry, changed, signed anew by some poster; without a session."""
    header = decode_map(entry.header_bytes, max_size=4096)
    size, root = bench.stage.head(bench.stage.directory)
    fresh = {"id": sha256(repr(changed).encode())[:16], "device": device_id(SIGN.public)}
    header = {**header, **fresh}
    if "log" in header:
        header["seen"] = [size, root]
    body = {**decode_map(entry.body_bytes or b"", max_size=1 << 20), "poster": SIGN.public}
    body = {**body, **changed}
    header_bytes, body_bytes = encode(header), encode(body)
    sig = SIGN.sign(SigType.ENTRY, sha256(header_bytes) + sha256(body_bytes))
    data = Submission(header_bytes, body_bytes, sig).encode()
    return await bench.ask("POST", "/v1/directory/entries", data, kind=CBOR)


@roots.case("an entry of a person without a session", "wrong_type")
async def _person_entry(bench: Bench) -> Answer:
    entry = bench.directory_entry(CONTACT, "person.suspend", {"person": bytes(16)})
    data = Submission.of(entry).encode()
    return await bench.ask("POST", "/v1/directory/entries", data, kind=CBOR)


@roots.case("a genesis that its governance did not sign", "bad_signature")
async def _genesis(bench: Bench) -> Answer:
    return await root_entry(bench, latest(bench, "directory.genesis"))


@roots.case("the genesis of another deployment", "wrong_deployment")
async def _elsewhere(bench: Bench) -> Answer:
    return await root_entry(bench, latest(bench, "directory.genesis"), name="elsewhere.example")


@roots.case("an old decision played again", "bad_serial")
async def _replayed(bench: Bench) -> Answer:
    return await root_entry(bench, latest(bench, "admin.add"))


@roots.case("a decision without signatures", "bad_threshold")
async def _unsigned(bench: Bench) -> Answer:
    return await root_entry(bench, latest(bench, "admin.add"), sigs=[], serial=next_serial(bench))


@roots.case("a decision that another key signed", "bad_signature")
async def _forged(bench: Bench) -> Answer:
    sigs, serial = [[0, bytes(64)]], next_serial(bench)
    return await root_entry(bench, latest(bench, "admin.add"), sigs=sigs, serial=serial)


@roots.case("more than a stranger may send", "too_large")
async def _large(bench: Bench) -> Answer:
    return await bench.ask("POST", "/v1/directory/entries", bytes(1 << 20), kind=CBOR)
