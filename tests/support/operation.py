"""An operation for tests, built entry by entry through the real rules.

    directory = DirectoryBuilder()
    operation = OperationBuilder(directory)           # RILO's coordinator creates it, in DRAFT
    agent = directory.person(directory.administration("FR"))
    operation.admit(agent, "officer")
    operation.start()                                 # PREP and LIVE
    work = operation.channel("work")                  # everybody, by rule
    operation.rotate(work)                            # public rules hold; nothing is sealed
    operation.message(work, agent)
    operation.state                                   # the live OperationState

All keys and ids come from fixed seeds. `author` makes an entry without appending it; `offer`
says what the log would do with one; `append` appends and expects it accepted; `force` appends
whatever it is. `wait` moves the server's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.entry import Entry, Head, Header, author, channel_id
from cencomm_crypto.public.ids import ChannelId, EntryId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.epochs import ZERO32, epoch_context
from cencomm_crypto.public.operation.recipients import recipients, recips_hash, share_holders
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.primitives import EMPTY_ROOT, keyed, sha256
from cencomm_crypto.public.replay import OperationLog, read_log
from cencomm_crypto.public.wire import Sequenced, sequence

from tests.support.directory import (
    START_AT,
    DirectoryBuilder,
    HeldDevice,
    HeldPerson,
    restoring,
)

Body = Mapping[str, Any]

HOUR = 3_600_000
DAY = 24 * HOUR
OPENS = START_AT + DAY
CLOSES = OPENS + 30 * DAY
GRACE = 2 * HOUR
STEP_MS = 1_000


class OperationBuilder:
    """One operation's live log, with the keys of everybody that a DirectoryBuilder made."""

    def __init__(
        self,
        directory: DirectoryBuilder,
        creator: HeldPerson | None = None,
        *,
        at: int = OPENS,
        seed: str = "operation",
        auditors: Iterable[HeldPerson] = (),
        k: int = 0,
        **genesis: Any,
    ) -> None:
        self.directory = directory
        self._seed = seed
        self._drawn = 0
        self.clock = at
        self.creator = creator or self._new_creator()
        self.log = OperationLog(directory.log)
        self.entries: list[Sequenced] = []
        self.close_keys: dict[tuple[ChannelId, int], bytes] = {}
        self.genesis_body: Body = {
            "directory": directory.id32,
            "name": "Operation Test",
            "window": [OPENS, CLOSES],
            "grace": GRACE,
            "live": [OPENS, CLOSES - DAY],
            "phases": 1,
            "history": "all",
            "metadata": "full",
            "browser": True,
            "retention": {"erase_at": 0},
            "clocks": {
                "accept_s": 1_800,
                "flash_s": 600,
                "feedback_s": 86_400,
                "seizure_s": 86_400,
                "long_s": 1_296_000,
                "sit_s": 86_400,
            },
            "exercise": False,
            "forms": b"",
            "audit": {"persons": [auditor.id for auditor in auditors], "k": k},
            "witness": {"keys": [], "k": 0, "fresh": 0, "mode": "warn"},
            "legal": "Mutual assistance in customs matters",
            "rules": 1,
            "suite_min": 1,
            **genesis,
        }
        self.append(self.author("operation.genesis", self.genesis_body, self.creator.device))

    def _new_creator(self) -> HeldPerson:
        creator = self.directory.person(self.directory.administration("RILO"))
        self.directory.grant_operations(creator)
        return creator

    # -- entries -------------------------------------------------------------------------------

    @property
    def state(self) -> OperationState:
        """The live state."""
        return self.log.state

    @property
    def main(self) -> ChannelId:
        """The main channel."""
        return self.state.main

    @property
    def head(self) -> Head:
        """The newest (size, root) of the log."""
        return self.head_at(self.log.size)

    def head_at(self, size: int) -> Head:
        """The (size, root) at an earlier size."""
        return Head(size, self.log.tree.root(size))

    def draw(self) -> bytes:
        """The next 32 bytes of the fixed stream."""
        self._drawn += 1
        return sha256(f"{self._seed}/{self._drawn}".encode())

    def entry_id(self) -> EntryId:
        """The next UUIDv7 of the builder's clock."""
        raw = bytearray(self.clock.to_bytes(6, "big") + self.draw()[:10])
        raw[6] = 0x70 | raw[6] & 0x0F
        raw[8] = 0x80 | raw[8] & 0x3F
        return EntryId(bytes(raw))

    def author(
        self, kind: str, body: Body | bytes, by: HeldDevice | HeldPerson, **header: Any
    ) -> Entry:
        """An entry by a device (a person's first) that has seen both newest heads."""
        device = by.device if isinstance(by, HeldPerson) else by
        genesis = kind == "operation.genesis"
        fields: dict[str, Any] = {
            "type": kind,
            "device": device.id,
            "id": self.entry_id(),
            "time": self.clock,
            "seen": Head(0, EMPTY_ROOT) if genesis else self.head,
            "dir": self.directory.head,
            "log": None if genesis else self.log.id16,
        }
        return author(Header(**{**fields, **header}), body, device.sign)

    def current(
        self, kind: str, body: Body | bytes, chan: ChannelId, by: HeldDevice | HeldPerson,
        **header: Any,
    ) -> Entry:  # fmt: skip
        """An entry of a channel; with its current epoch where the type names one."""
        fields: dict[str, Any] = {"chan": chan}
        if kind in {*OPAQUE_TYPES, "channel.grant", "channel.flag"}:
            fields["epoch"] = max(self.state.channels[chan].epoch, 1)
        return self.author(kind, body, by, **{**fields, **header})

    # -- the log -------------------------------------------------------------------------------

    def sequenced(self, entry: Entry) -> Sequenced:
        """The entry at the next place and time of the log."""
        return sequence(self.log.size, self.clock, entry)

    def offer(self, entry: Entry) -> OperationState | Rejected:
        """What the log would do with the entry; nothing is appended."""
        return self.log.check(self.sequenced(entry))

    def refusal(self, entry: Entry) -> ErrorCode:
        """The code with which the log rejects the entry."""
        result = self.offer(entry)
        assert isinstance(result, Rejected), f"{entry.header.type} was accepted"
        return result.code

    def force(self, entry: Entry) -> OperationState | Rejected:
        """Append the entry as a dishonest server would, accepted or not."""
        item = self.sequenced(entry)
        result = self.log.apply(item)
        self.entries.append(item)
        self.clock += STEP_MS
        return result

    def append(self, entry: Entry) -> Sequenced:
        """Append the entry; an AssertionError says why if the rules reject it."""
        result = self.log.check(self.sequenced(entry))
        assert not isinstance(result, Rejected), f"{entry.header.type}: {result}"
        self.force(entry)
        return self.entries[-1]

    def lose(self, *scopes: bytes) -> Body:
        """Append places of these scopes that nobody holds any more; the body of the log.restored
        that is due, without what root signatures add."""
        start = self.log.size
        for scope in scopes:
            inner = sha256(f"{self._seed}/lost/{self.log.size}".encode())
            item = Sequenced(self.log.size, self.clock, scope, inner, None, lost=True)
            self.log.apply(item)
            self.entries.append(item)
            self.clock += STEP_MS
        return restoring(self.log.id16, self.entries[start:])

    def restore(self, *lost: Sequenced) -> Sequenced:
        """Append the log.restored that names these places, which others may still hold."""
        serial = len(self.state.restored) + 1
        body = self.directory.signed_restoring(self.log.id16, lost, serial)
        item = self.sequenced(self.author("log.restored", body, self.directory.poster))
        self.entries.append(item)
        self.clock += STEP_MS
        self.log, _ = read_log(
            lambda losses: OperationLog(self.directory.log, None, losses), lambda: self.entries
        )
        return item

    def control(
        self, kind: str, body: Body, by: HeldDevice | HeldPerson | None = None
    ) -> Sequenced:
        """Append a control entry, by the creator if nobody is named."""
        return self.append(self.author(kind, body, by or self.creator))

    def wait(self, ms: int) -> None:
        """Move the server's clock."""
        self.clock += ms

    def wait_until(self, at: int) -> None:
        """Move the server's clock to a time that lies ahead."""
        self.clock = max(self.clock, at)

    # -- what tests want to have ---------------------------------------------------------------

    def admit(self, person: HeldPerson, role: str, **fields: Any) -> Sequenced:
        """Admit one person; `chan`, `kinds` and `rate` as the role needs."""
        row = {"person": person.id, "role": role, **fields}
        return self.control("members.admit", {"members": [row]})

    def admit_bot(self, bot: HeldPerson, chan: ChannelId) -> Sequenced:
        """Admit a bot that drops hits into a channel."""
        return self.admit(bot, "bot", chan=chan, kinds=["HIT"], rate=60)

    def remove(self, *persons: HeldPerson) -> Sequenced:
        """Remove persons."""
        return self.control("members.remove", {"persons": [person.id for person in persons]})

    def start(self, phase: str = "live") -> None:
        """Go from DRAFT through the phases up to `phase`."""
        for step in ("prep", "live", "post", "debrief"):
            self.control("phase.set", {"phase": step})
            if step == phase:
                return

    def channel(
        self,
        name: str,
        members: Iterable[HeldPerson] | None = None,
        *,
        by: HeldPerson | None = None,
        **fields: Any,
    ) -> ChannelId:
        """Create a channel: of the named persons, else of everybody by rule."""
        item = self.append(self.channel_entry(name, members, by=by, **fields))
        assert item.entry is not None
        return channel_id(item.entry)

    def channel_entry(
        self,
        name: str,
        members: Iterable[HeldPerson] | None = None,
        *,
        by: HeldPerson | None = None,
        **fields: Any,
    ) -> Entry:
        """The channel.create of `channel`; not appended."""
        group: Body = (
            {"rule": {"all": True}}
            if members is None
            else {"members": [person.id for person in members]}
        )
        body = {"name": name, "window": list(self.state.window), **group, **fields}
        return self.author("channel.create", body, by or self.creator)

    def rotation(
        self,
        chan: ChannelId,
        by: HeldDevice | HeldPerson | None = None,
        *,
        p: int | None = None,
        header: Body | None = None,
        **fields: Any,
    ) -> Entry:
        """A channel.rotate on which all public rules hold; nothing is sealed in it.

        `p` defaults to the current epoch. Its close key is in `close_keys` once appended. A
        field given as None is left out.
        """
        state, directory = self.state, self.directory.state
        channel: Channel = state.channels[chan]
        n = channel.epoch + 1
        p = channel.epoch if p is None else p
        close_key = self.close_keys.setdefault((chan, n), self.draw())
        previous = channel.epochs[p].commit if p in channel.epochs else ZERO32
        found = recipients(state, chan, directory)
        body: dict[str, Any] = {
            "p": p,
            "commit": self.draw(),
            "close_commit": keyed(close_key, "close", epoch_context(state.id16, chan, n, previous)),
            "wraps_root": self.draw(),
            "recips": recips_hash(found),
            "count": len(found) or 1,
            "drop_pk": self.draw(),
        }
        if p:
            body["prev_close"] = bytes(48)
        if p and state.history:
            body["prev_link"] = bytes(48)
        if state.audit.persons:
            holders = share_holders(state, directory)
            body |= {"escrow": bytes(48), "shares_root": self.draw(), "shares": len(holders)}
        body |= fields
        body = {name: value for name, value in body.items() if value is not None}
        fields_of_header = {"chan": chan, "epoch": n, **(header or {})}
        return self.author("channel.rotate", body, by or self.creator, **fields_of_header)

    def rotate(self, chan: ChannelId, by: HeldDevice | HeldPerson | None = None) -> Sequenced:
        """Append a rotate of `rotation`."""
        return self.append(self.rotation(chan, by))

    def sealed(
        self, chan: ChannelId, by: HeldDevice | HeldPerson | None = None, **header: Any
    ) -> Entry:
        """A message whose body no rule reads; not appended."""
        return self.current("message", self.draw(), chan, by or self.creator, **header)

    def message(
        self, chan: ChannelId, by: HeldDevice | HeldPerson | None = None, **header: Any
    ) -> Sequenced:
        """Append a message of `sealed`."""
        return self.append(self.sealed(chan, by, **header))

    def reveal(self, chan: ChannelId, n: int, by: HeldDevice | HeldPerson, **fields: Any) -> Entry:
        """A channel.reveal of an epoch that `rotation` made; not appended."""
        body = {"n": n, "kc": self.close_keys[chan, n], **fields}
        return self.author("channel.reveal", body, by, chan=chan)

    def close(self, chan: ChannelId, by: HeldDevice | HeldPerson, **fields: Any) -> Entry:
        """A channel.close with the current epoch's key; not appended."""
        n = max(self.state.channels[chan].epoch, 1)
        body = {"n": n, "kc": self.close_keys.get((chan, n), ZERO32), **fields}
        return self.author("channel.close", body, by, chan=chan)

    def propose(self, subject: str, body: Body, by: HeldPerson | None = None) -> bytes:
        """Append X.propose; gives its leaf hash."""
        return self.control(f"{subject}.propose", body, by).leaf

    def approval(self, subject: str, proposal: bytes, by: HeldDevice | HeldPerson) -> Entry:
        """X.approve of a proposal; not appended."""
        return self.author(f"{subject}.approve", {"proposal": proposal}, by)

    def approve(self, subject: str, proposal: bytes, by: HeldDevice | HeldPerson) -> Sequenced:
        """Append X.approve of a proposal."""
        return self.append(self.approval(subject, proposal, by))
