"""What must hold whatever happens, judged from the store's bytes and the devices' own views.

`Ledger` follows who is in and who is out in the plainest way, from the bodies of accepted
entries alone: it shares no line with the rules that it judges. `Oracle` replays the log as any
reader would and holds server and devices against that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cencomm_client import Client, Message, Operation
from cencomm_client.items import Alarm as Told
from cencomm_client.items import Flag
from cencomm_crypto.errors import ProtocolError, Rejected
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.links import context_at
from cencomm_crypto.member.wrap import open_wrap
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.entry import Entry, channel_id
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.operation.views import visible
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced
from cencomm_server.engine.items import sequenced
from cencomm_server.store.memory import MemoryStore

from tests.property.device import Device
from tests.property.network import Host

WRAP = 112
DECIDES = ("channel.rotate", "channel.grant")


class Violation(AssertionError):
    """An invariant does not hold; `name` says which."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


@dataclass
class Standing:
    """One channel in the ledger."""

    listed: set[PersonId] | None  # None: everybody
    epoch: int = 0
    left: set[PersonId] = field(default_factory=set)  # readers who went since the last rotate
    readers: set[DeviceId] = field(default_factory=set)  # whom the epoch was wrapped to
    rotated: dict[int, int] = field(default_factory=dict)  # epoch -> seq
    decided: int = -1
    directory: int = 0  # directory size that the channel's entries have named


class Ledger:
    """Who is in, by the bodies of accepted entries; knows nothing of the rules."""

    def __init__(self) -> None:
        self.members: set[PersonId] = set()
        self.channels: dict[bytes, Standing] = {}
        self.directory = 0  # size that control entries have named
        self.revoked: dict[DeviceId, int] = {}  # device -> its revocation's place
        self.owners: dict[DeviceId, PersonId] = {}
        self.decided = -1  # seq of the last control entry
        self.came: dict[PersonId, int] = {}  # seq of the last entry that let the person in

    def directory_entry(self, seq: int, entry: Entry) -> None:
        """An accepted entry of the directory."""
        if entry.body is not None and entry.header.type == "device.revoke":
            self.revoked[DeviceId(entry.body["device"])] = seq

    def inside(self, person: PersonId, channel: Standing) -> bool:
        """Whether the person is in the operation and in the channel."""
        listed = channel.listed is None or person in channel.listed
        return person in self.members and listed

    def take(self, item: Sequenced, readers: Iterable[DeviceId]) -> None:
        """An accepted entry of the operation; `readers`: of a rotate, whom it was wrapped to."""
        entry = item.entry
        assert entry is not None
        header, body = entry.header, entry.body or {}
        named = 0 if header.dir is None else header.dir.size
        if header.chan is None:
            self._undisturbed(item, self.decided)
            self.decided = item.seq
            self.directory = max(self.directory, named)
            self._control(entry, body)
            for row in (*body.get("members", ()), *body.get("add", ())):
                self.came[PersonId(row["person"] if isinstance(row, dict) else row)] = item.seq
            return
        channel = self.channels[header.chan]
        channel.directory = max(channel.directory, named)
        if header.type in DECIDES:
            self._undisturbed(item, max(self.decided, channel.decided))
            channel.decided = item.seq
        if header.type == "channel.rotate":
            assert header.epoch is not None
            channel.epoch, channel.left = header.epoch, set()
            channel.readers = set(readers)
            channel.rotated[header.epoch] = item.seq
        elif header.type == "channel.grant" and body["n"] == channel.epoch:
            channel.readers.add(DeviceId(body["device"]))
        elif header.type == "message":
            self._said(item, channel)

    def _control(self, entry: Entry, body: Any) -> None:
        kind = entry.header.type
        if kind == "operation.genesis":
            self.members.add(self.owners[entry.header.device])
            self.channels[channel_id(entry)] = Standing(None)
        elif kind == "members.admit":
            self.members |= {PersonId(row["person"]) for row in body["members"]}
        elif kind == "members.remove":
            for person in map(PersonId, body["persons"]):
                self.members.discard(person)
                self._left(person, self.channels.values())
        elif kind == "channel.create":
            listed = {PersonId(person) for person in body["members"]} if "members" in body else None
            self.channels[channel_id(entry)] = Standing(listed)
        elif kind == "channel.members":
            channel = self.channels[body["chan"]]
            assert channel.listed is not None
            channel.listed |= {PersonId(person) for person in body["add"]}
            for person in map(PersonId, body["remove"]):
                self._left(person, [channel])

    def _left(self, person: PersonId, channels: Iterable[Standing]) -> None:
        for channel in channels:
            if channel.listed is not None:
                channel.listed.discard(person)
            if any(self.owners[device] == person for device in channel.readers):
                channel.left.add(person)

    def _said(self, item: Sequenced, channel: Standing) -> None:
        """The first invariant: nothing is valid between a removal and the next rotate.

        Who came back before that is a reader again, and missed nothing: nothing was valid.
        """
        out = [person for person in channel.left if not self.inside(person, channel)]
        if item.entry is None or item.entry.header.epoch != channel.epoch or out:
            why = "somebody left" if out else "the epoch is over"
            raise Violation("nothing between a removal and a rotate", f"message {item.seq}: {why}")
        known = max(self.directory, channel.directory)
        for device in channel.readers:
            if self.revoked.get(device, known) < known:
                raise Violation(
                    "nothing between a removal and a rotate",
                    f"message {item.seq} under an epoch of revoked device {device.hex()}",
                )

    @staticmethod
    def _undisturbed(item: Sequenced, last: int) -> None:
        assert item.entry is not None
        if item.seq and last >= item.entry.header.seen.size:
            raise Violation(
                "no decision is played into another state",
                f"{item.entry.header.type} {item.seq}: {last} came after what its author saw",
            )


@dataclass
class Acknowledged:
    """A post that returned."""

    device: str
    text: str
    seq: int
    leaf: bytes


class Oracle:
    """Reads the store after each step, and judges it and everybody."""

    def __init__(self, store: MemoryStore, directory: LogId, log: LogId) -> None:
        self._store, self._directory_id, self._log_id = store, directory, log
        self.directory = DirectoryLog()
        self.log = OperationLog(self.directory)
        self.items: list[Sequenced] = []
        self.states: list[OperationState] = []
        self.ledger = Ledger()
        self.forged: set[bytes] = set()  # inner hashes of rotates that an insider made badly
        self.bad: set[tuple[bytes, int]] = set()  # the epochs of those that came in
        self.acknowledged: list[Acknowledged] = []
        self._checked = 0
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._server: tuple[int, int] = (0, 0)

    @property
    def state(self) -> OperationState:
        """The newest state."""
        return self.log.state

    # -- the log ------------------------------------------------------------------------------

    def read(self, devices: Iterable[Device]) -> None:
        """Take what the store holds beyond what was read, and judge each entry."""
        for found in self._beyond(self._directory_id, self.directory.size):
            self._taken(found, self.directory.apply(found))
            self._directory_entry(found)
        outsiders: list[tuple[Sequenced, Device]] = []
        for found in self._beyond(self._log_id, self.log.size):
            outcome = self._taken(found, self.log.apply(found))
            assert isinstance(outcome, OperationState)
            self.items.append(found)
            self.states.append(outcome)
            header = found.entry.header if found.entry else None
            readers: tuple[DeviceId, ...] = ()
            if header is not None and header.type == "channel.rotate" and header.chan is not None:
                readers = outcome.channels[header.chan].epochs[header.epoch or 0].recips
                if found.inner in self.forged:
                    self.bad.add((header.chan, header.epoch or 0))
            self.ledger.take(found, readers)
            self._sealed_in_good(found)
            outsiders += [(found, device) for device in devices if self._kept_from(found, device)]
        for found, device in outsiders:
            if self.ledger.came.get(device.person, -1) < found.seq:  # who came back reads on
                self._closed_to(found, device)

    def _taken(self, found: Sequenced, outcome: Any) -> Any:
        if isinstance(outcome, Rejected):
            raise Violation("the server keeps what the rules take", f"{found.seq}: {outcome}")
        return outcome

    def _directory_entry(self, found: Sequenced) -> None:
        entry = found.entry
        assert entry is not None
        self.ledger.directory_entry(found.seq, entry)
        for device in self.directory.state.devices.values():
            self.ledger.owners.setdefault(device.id, device.person)

    def _beyond(self, log: LogId, size: int) -> Iterable[Sequenced]:
        kept = self._store._logs[log]
        while size in kept.entries:
            yield sequenced(kept.entries[size])
            size += 1

    def _sealed_in_good(self, found: Sequenced) -> None:
        """No client seals under an epoch that does not recompute (A18), its author's neither."""
        header = found.entry.header if found.entry else None
        if header is None or header.type != "message" or header.chan is None:
            return
        if (header.chan, header.epoch) in self.bad:
            raise Violation("nothing is sealed under a bad epoch", f"message {found.seq}")

    # -- outsiders ----------------------------------------------------------------------------

    def _kept_from(self, found: Sequenced, device: Device) -> bool:
        """Whether a rotate, or a grant to it, came while the device was out."""
        header = found.entry.header if found.entry else None
        if header is None or header.type not in DECIDES or header.chan is None:
            return False
        body = found.entry.body if found.entry and found.entry.body else {}
        meant = header.type == "channel.rotate" or device.id == body["device"]
        return meant and self._out(device, self.ledger.channels[header.chan])

    def _closed_to(self, found: Sequenced, device: Device) -> None:
        """A new epoch opens to nobody who is out, with any key and any wrap there is."""
        assert found.entry is not None
        header, body = found.entry.header, found.entry.body or {}
        n = header.epoch if header.type == "channel.rotate" else body["n"]
        assert n is not None
        if self.opens(device, ChannelId(found.scope), n):
            raise Violation(
                "who is out opens no later epoch",
                f"{device.name} opens epoch {n} of {found.scope.hex()[:8]} ({found.seq})",
            )

    def _out(self, device: Device, channel: Standing) -> bool:
        named = max(self.ledger.directory, channel.directory)
        revoked = self.ledger.revoked.get(device.id, named) < named
        return revoked or not self.ledger.inside(device.person, channel)

    def opens(self, device: Device, chan: ChannelId, n: int) -> bool:
        """Whether any key the device ever held gets E of an epoch from any wrap in the store."""
        context, epoch = context_at(self.state, chan, n), self.state.channels[chan].epochs[n]
        client = device.client
        if client is not None:
            kept = client.vault.epoch_secret(self._log_id, chan, n)
            if kept is not None and EpochSecret(kept, context).commit == epoch.commit:
                return True
        kept_logs = self._store._logs[self._log_id]
        wraps = [doc.wraps for doc, _ in kept_logs.wraps.values() if doc.chan == chan]
        pieces = [data[at : at + WRAP] for data in wraps for at in range(0, len(data), WRAP)] + [
            doc.wrap for doc, _ in kept_logs.grants.values()
        ]
        for w in pieces:
            for key in device.box_keys.values():
                try:
                    open_wrap(w, key, context, epoch.commit)
                except ProtocolError:
                    continue
                return True
        return False

    # -- everybody ----------------------------------------------------------------------------

    def judge_server(self, host: Host) -> None:
        """The server's states are those that its log gives, byte by byte (OPS-21, DIR-23)."""
        runtime, directory = host.logs.known(self._log_id), host.logs.directory
        if runtime is None or runtime.committed is None or host.gone.is_set():
            return
        sizes = (runtime.committed.size, directory.size)
        if sizes == self._server:
            return
        self._server = sizes
        if sizes[0] > len(self.states) or sizes[1] > self.directory.size:
            raise Violation("nothing acknowledged is lost", "the server shows more than is stored")
        committed = runtime.committed.state
        assert isinstance(committed, OperationState)
        if state_hash(committed) != state_hash(self.states[sizes[0] - 1]):
            raise Violation("one state for all", f"the server's at size {sizes[0]}")
        if directory_hash(directory.state) != directory_hash(self.directory.at(sizes[1])):
            raise Violation("one state for all", f"the server's directory at size {sizes[1]}")

    def judge_state(self, device: Device) -> None:
        """A device's states are those that the log gives on what it sees, byte by byte."""
        client, operation = device.client, device.operation(self._log_id)
        if client is None or operation is None:
            return
        withheld = set(client._station.mirror._logs.of(self._log_id).withheld)
        self._same_state(device, client, operation.state, withheld)

    def judge(self, device: Device) -> None:
        """One device: its alarms, what it shows."""
        client, operation = device.client, device.operation(self._log_id)
        if client is None or operation is None:
            return
        mark = (id(client), operation.state.size, len(operation.view.feed._emitted))
        if self._seen.get(device.name) == mark:
            return
        self._seen[device.name] = mark
        self._no_alarm(device, client, operation)
        self._shown_once(device, operation)

    def _same_state(
        self, device: Device, client: Client, state: OperationState, withheld: set[bytes]
    ) -> None:
        directory = client._station.directory
        if state.size > len(self.states) or directory.size > self.directory.size:
            raise Violation(
                "nothing acknowledged is lost", f"{device.name} saw more than is stored"
            )
        true = self.states[state.size - 1]
        read = [
            chan
            for chan in true.channels
            if visible(true, device.person, chan) and chan not in withheld
        ]
        if state_hash(state, read) != state_hash(true, read):
            raise Violation("one state for all", f"{device.name} at size {state.size}")
        if directory_hash(directory) != directory_hash(self.directory.at(directory.size)):
            raise Violation("one state for all", f"{device.name}: directory {directory.size}")

    def _no_alarm(self, device: Device, client: Client, operation: Operation) -> None:
        """The server is honest: nobody says otherwise. Bad epochs are told, and nothing else."""
        alarms = [alarm for alarm in client.alarms() if alarm.row not in ("A18", "A44")]
        told = [item for item in operation.notices() if isinstance(item, Told)]
        told = [item for item in told if item.row not in ("A18", "A44")]
        if alarms or told:
            what = alarms[0].detail if alarms else told[0].detail
            raise Violation("no alarm about an honest server", f"{device.name}: {what}")
        if not self.bad and any(isinstance(item, Told) for item in operation.notices()):
            raise Violation("no alarm about honest members", device.name)

    def _shown_once(self, device: Device, operation: Operation) -> None:
        texts = Counter(
            item.content["text"]
            for item in operation.items()
            if isinstance(item, Message) and item.content is not None and "text" in item.content
        )
        twice = [text for text, count in texts.items() if count > 1]
        resealed = [
            item.place.seq
            for item in operation.items()
            if isinstance(item, Message) and Flag.RESEALED in item.flags
        ]
        if twice or resealed:
            raise Violation("nothing is shown twice", f"{device.name}: {twice} {resealed}")

    def judge_receipts(self) -> None:
        """What was acknowledged stands where the receipt says."""
        for done in self.acknowledged[self._checked :]:
            found = self.items[done.seq] if done.seq < len(self.items) else None
            if found is None or found.leaf != done.leaf:
                raise Violation("nothing acknowledged is lost", f"{done.text} at {done.seq}")
        self._checked = len(self.acknowledged)
