"""A directory for tests, built entry by entry through the real rules.

    directory = DirectoryBuilder()
    france = directory.administration("FR")           # admin.add, and an NCP with one device
    agent = directory.person(france)                  # person.add, device.add by the NCP
    phone = directory.device(agent, voucher=agent.device)
    directory.log.state                               # the live DirectoryState

All keys and ids come from fixed seeds, so two builders driven alike give the same bytes.
`author` and `by_governance` make entries without appending them; `offer` says what the log
would do with one; `append` appends and expects it accepted; `force` appends whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry, Head, Header, author
from cencomm_crypto.public.ids import AdminId, DeviceId, EntryId, LogId, PersonId
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    admin_id,
    device_id,
    enrol_message,
    root_message,
)
from cencomm_crypto.public.primitives import EMPTY_ROOT, sha256
from cencomm_crypto.public.replay import DirectoryLog, read_log
from cencomm_crypto.public.wire import Sequenced, sequence

Body = Mapping[str, Any]

NAME = "cencomm.example"
START_AT = 1_767_225_600_000  # 2026-01-01T00:00Z in ms
STEP_MS = 1_000
ZERO32 = bytes(32)
NO_WITNESS: Body = {"keys": [], "k": 0, "fresh": 0, "mode": "warn"}


@dataclass
class HeldDevice:
    """A device with its secrets; `box` is the present box key."""

    person: PersonId
    sign: SigningKey
    box: BoxKey

    @property
    def id(self) -> DeviceId:
        """The device's id."""
        return device_id(self.sign.public)

    def proof(self, directory_id: bytes, person: PersonId | None = None) -> bytes:
        """SIG(device, "enrol", ...) for its own person, or for another to test A41."""
        message = enrol_message(directory_id, person or self.person, self.box.public)
        return self.sign.sign(SigType.ENROL, message)


@dataclass
class HeldPerson:
    """A person and all devices it was given here."""

    id: PersonId
    code: str
    administration: HeldAdministration
    devices: list[HeldDevice] = field(default_factory=list)

    @property
    def device(self) -> HeldDevice:
        """The first device."""
        return self.devices[0]


@dataclass
class HeldAdministration:
    """An administration with its root key and NCPs."""

    code: str
    root: SigningKey
    id: AdminId
    ncps: list[HeldPerson] = field(default_factory=list)

    @property
    def ncp(self) -> HeldPerson:
        """The first NCP."""
        return self.ncps[0]


def restoring(log: LogId, items: Sequence[Sequenced]) -> Body:
    """Body of a log.restored that names these places, without what root signatures add."""
    leaves = [item.at.to_bytes(8, "big") + item.scope + item.inner for item in items]
    start = items[0].seq
    return {"log": log, "from": start, "to": start + len(items), "leaves": leaves}


class DirectoryBuilder:
    """Governance keys, administrations, NCPs, persons and devices, and their live log."""

    def __init__(
        self,
        *,
        name: str = NAME,
        keys: int = 3,
        k: int = 2,
        witness: Body = NO_WITNESS,
        suite_min: int = 1,
        at: int = START_AT,
        seed: str = "directory",
    ) -> None:
        self._seed = seed
        self._drawn: dict[str, int] = {}
        self._clock = at
        self.governance = [self.signing_key("governance") for _ in range(keys)]
        self.k = k
        self.log_key = self.signing_key("log")
        self.poster = self.new_device(PersonId(self.draw("poster")[:16]))
        self.log = DirectoryLog()
        self.entries: list[Sequenced] = []
        self.genesis_body: Body = {
            "name": name,
            "log_key": self.log_key.public,
            "governance": {"keys": [key.public for key in self.governance], "k": k},
            "witness": witness,
            "suite_min": suite_min,
            "rules": 1,
        }
        self.append(self.by_governance("directory.genesis", self.genesis_body))

    # -- seeds ---------------------------------------------------------------------------------

    def draw(self, what: str) -> bytes:
        """The next 32 bytes of the fixed stream called `what`."""
        count = self._drawn.get(what, 0)
        self._drawn[what] = count + 1
        return sha256(f"{self._seed}/{what}/{count}".encode())

    def signing_key(self, what: str) -> SigningKey:
        """A new signing key."""
        return SigningKey.from_seed(self.draw(f"sign {what}"))

    def box_key(self) -> BoxKey:
        """A new box key."""
        return BoxKey.from_seed(self.draw("box"))

    def new_device(self, person: PersonId) -> HeldDevice:
        """Keys of a device that the directory does not know yet."""
        return HeldDevice(person, self.signing_key("device"), self.box_key())

    def new_person(self, administration: HeldAdministration, code: str | None = None) -> HeldPerson:
        """Id and code of a person that the directory does not know yet."""
        if code is None:
            count = self._drawn.get(f"code {administration.code}", 0)
            self._drawn[f"code {administration.code}"] = count + 1
            code = f"{administration.code}-{count + 1:03}"
        return HeldPerson(PersonId(self.draw("person")[:16]), code, administration)

    # -- entries -------------------------------------------------------------------------------

    @property
    def state(self) -> DirectoryState:
        """The live state."""
        return self.log.state

    @property
    def id32(self) -> bytes:
        """All 32 bytes of the directory's id."""
        return self.log.id32

    @property
    def head(self) -> Head:
        """The newest (size, root): `dir` of an operation's headers."""
        return Head(self.log.size, self.log.tree.root())

    def head_at(self, size: int) -> Head:
        """The (size, root) at an earlier size."""
        return Head(size, self.log.tree.root(size))

    def author(self, kind: str, body: Body, device: HeldDevice, /, **header: Any) -> Entry:
        """An entry by `device` that has seen the newest head; not appended.

        `header` replaces fields, also with false ones.
        """
        genesis = kind == "directory.genesis"
        fields: dict[str, Any] = {
            "type": kind,
            "device": device.id,
            "id": self.entry_id(),
            "time": self._clock,
            "seen": Head(0, EMPTY_ROOT) if genesis else self.head,
            "log": None if genesis else self.log.id16,
        }
        return author(Header(**{**fields, **header}), body, device.sign)

    def by_governance(
        self,
        kind: str,
        body: Body,
        *,
        signers: Iterable[int] | None = None,
        serial: int | None = None,
        poster: HeldDevice | None = None,
        **header: Any,
    ) -> Entry:
        """An entry that k governance keys (or those named by index) carry; not appended."""
        poster = poster or self.poster
        if serial is None:
            serial = 0 if kind == "directory.genesis" else self.state.governance.serial + 1
            if kind == "log.restored":  # they count by themselves
                serial = self.state.restored[-1].serial + 1 if self.state.restored else 1
        indices = range(self.k) if signers is None else signers
        body = self.signed(
            {"type": kind, **body, "poster": poster.sign.public, "serial": serial},
            SigType.GOVERNANCE,
            [(index, self.governance[index]) for index in indices],
            ZERO32 if kind == "directory.genesis" else self.id32,
        )
        return self.author(kind, body, poster, **header)

    def by_admin_root(
        self,
        kind: str,
        body: Body,
        administration: HeldAdministration,
        *,
        serial: int | None = None,
        root: SigningKey | None = None,
        poster: HeldDevice | None = None,
        **header: Any,
    ) -> Entry:
        """An entry that an administration's root carries; not appended."""
        poster = poster or self.poster
        if serial is None:
            serial = self.state.admins[administration.id].serial + 1
        body = self.signed(
            {
                "type": kind,
                **body,
                "admin": administration.id,
                "poster": poster.sign.public,
                "serial": serial,
            },
            SigType.ADMIN_ROOT,
            [(0, root or administration.root)],
            self.id32,
        )
        return self.author(kind, body, poster, **header)

    @staticmethod
    def signed(
        body: Body, kind: SigType, keys: Iterable[tuple[int, SigningKey]], directory_id: bytes
    ) -> Body:
        """`body` with its `sigs`."""
        message = root_message(directory_id, body)
        return {**body, "sigs": [[index, key.sign(kind, message)] for index, key in keys]}

    def entry_id(self) -> EntryId:
        """The next UUIDv7 of the builder's clock."""
        raw = bytearray(self._clock.to_bytes(6, "big") + self.draw("entry id")[:10])
        raw[6] = 0x70 | raw[6] & 0x0F
        raw[8] = 0x80 | raw[8] & 0x3F
        return EntryId(bytes(raw))

    # -- the log -------------------------------------------------------------------------------

    def sequenced(self, entry: Entry) -> Sequenced:
        """The entry at the next place and time of the log."""
        return sequence(self.log.size, self._clock, entry)

    def offer(self, entry: Entry) -> DirectoryState | Rejected:
        """What the log would do with the entry; nothing is appended."""
        return self.log.check(self.sequenced(entry))

    def refusal(self, entry: Entry) -> ErrorCode | None:
        """The code with which the rules reject the entry, None if they accept it."""
        result = self.offer(entry)
        return result.code if isinstance(result, Rejected) else None

    def force(self, entry: Entry) -> DirectoryState | Rejected:
        """Append the entry as a dishonest server would, accepted or not."""
        item = self.sequenced(entry)
        result = self.log.apply(item)
        self.entries.append(item)
        self._clock += STEP_MS
        return result

    def append(self, entry: Entry) -> DirectoryState:
        """Append the entry; an AssertionError says why if the rules reject it."""
        result = self.offer(entry)
        assert not isinstance(result, Rejected), f"{entry.header.type}: {result}"
        self.force(entry)
        return self.state

    def signed_restoring(self, log: LogId, items: Sequence[Sequenced], serial: int = 1) -> Body:
        """The whole body of a log.restored in an operation's log, by k governance keys."""
        body = {
            "type": "log.restored",
            **restoring(log, items),
            "poster": self.poster.sign.public,
            "serial": serial,
        }
        keys = list(enumerate(self.governance))[: self.k]
        return self.signed(body, SigType.GOVERNANCE, keys, self.id32)

    def restore(self, *lost: Sequenced) -> Sequenced:
        """Append the log.restored that names these places, which others may still hold."""
        body = restoring(self.log.id16, lost)
        item = self.sequenced(self.by_governance("log.restored", body))
        self.entries.append(item)
        self._clock += STEP_MS
        self.log, _ = read_log(lambda losses: DirectoryLog(None, losses), lambda: self.entries)
        return item

    def lose(self, count: int = 1) -> Body:
        """Append places that nobody holds any more; the body of the log.restored that is due."""
        start = self.log.size
        for _ in range(count):
            inner = self.draw("lost")
            item = Sequenced(self.log.size, self._clock, bytes(16), inner, None, lost=True)
            self.log.apply(item)
            self.entries.append(item)
            self._clock += STEP_MS
        return restoring(self.log.id16, self.entries[start:])

    # -- what tests want to have ---------------------------------------------------------------

    def administration(self, code: str, *, ncps: int = 1) -> HeldAdministration:
        """Add an administration and appoint its NCPs, each with one device."""
        root = self.signing_key(f"root {code}")
        administration = HeldAdministration(code, root, admin_id(root.public))
        self.append(self.by_governance("admin.add", {"code": code, "root": root.public}))
        for _ in range(ncps):
            self.ncp(administration)
        return administration

    def ncp(self, administration: HeldAdministration, code: str | None = None) -> HeldPerson:
        """Appoint an NCP with one device."""
        person = self.new_person(administration, code)
        device = self.new_device(person.id)
        self.append(
            self.by_admin_root("ncp.appoint", self.appoint_body(person, device), administration)
        )
        person.devices.append(device)
        administration.ncps.append(person)
        return person

    def appoint_body(self, person: HeldPerson, device: HeldDevice) -> dict[str, Any]:
        """Body of ncp.appoint without what root signatures add."""
        return {
            "admin": person.administration.id,
            "code": person.code,
            **self.device_body(device),
        }

    def device_body(self, device: HeldDevice) -> dict[str, Any]:
        """Body of device.add, with the device's proof of possession."""
        return {
            "person": device.person,
            "sign_pk": device.sign.public,
            "box_pk": device.box.public,
            "proof": device.proof(self.id32),
        }

    def person(
        self,
        administration: HeldAdministration,
        code: str | None = None,
        *,
        kind: str = "human",
        devices: int = 1,
    ) -> HeldPerson:
        """Add a person (or a bot) with devices, all vouched for by the first NCP."""
        person = self.new_person(administration, code)
        body = {"person": person.id, "code": person.code, "kind": kind}
        self.append(self.author("person.add", body, administration.ncp.device))
        for _ in range(devices):
            self.device(person)
        return person

    def device(self, person: HeldPerson, *, voucher: HeldDevice | None = None) -> HeldDevice:
        """Add a device, vouched for by a device of the same person, or by the first NCP."""
        device = self.new_device(person.id)
        by = voucher or person.administration.ncp.device
        self.append(self.author("device.add", self.device_body(device), by))
        person.devices.append(device)
        return device

    def revoke(self, device: HeldDevice, *, by: HeldDevice) -> DirectoryState:
        """Revoke a device."""
        return self.append(self.author("device.revoke", {"device": device.id}, by))

    def rekey(self, device: HeldDevice) -> BoxKey:
        """Give a device a new box key; returns the old one."""
        old, device.box = device.box, self.box_key()
        self.append(self.author("device.rekey", {"box_pk": device.box.public}, device))
        return old

    def suspend(self, person: HeldPerson) -> DirectoryState:
        """Suspend a person by the first NCP."""
        return self._by_ncp("person.suspend", person)

    def resume(self, person: HeldPerson) -> DirectoryState:
        """Lift a suspension by the first NCP."""
        return self._by_ncp("person.resume", person)

    def suspend_administration(self, administration: HeldAdministration) -> DirectoryState:
        """Suspend a whole administration by governance."""
        return self.append(self.by_governance("admin.suspend", {"admin": administration.id}))

    def resume_administration(self, administration: HeldAdministration) -> DirectoryState:
        """Lift the suspension of an administration by governance."""
        return self.append(self.by_governance("admin.resume", {"admin": administration.id}))

    def dismiss(self, ncp: HeldPerson) -> DirectoryState:
        """Dismiss an NCP by its administration's root."""
        body = {"person": ncp.id}
        return self.append(self.by_admin_root("ncp.dismiss", body, ncp.administration))

    def grant_operations(self, person: HeldPerson) -> DirectoryState:
        """Give the role "may create operations" by governance."""
        return self.append(
            self.by_governance("role.grant", {"person": person.id, "role": "operations"})
        )

    def _by_ncp(self, kind: str, person: HeldPerson) -> DirectoryState:
        ncp = person.administration.ncp.device
        return self.append(self.author(kind, {"person": person.id}, ncp))
