"""The servers of `python -m tests.mallory.server --row ROW`: what the demonstration plays against.

`PORTS[row]` are the classes that stand in the place of those that `cencomm_server.app` knows by
these names; all else is the real server. Each behaves until the operation is under way. Those
that lie to readers also only announce heads, as the real one does to whoever lags: so that all
readers ask, and are told the lie.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, Head, author
from cencomm_crypto.public.ids import EntryId, LogId
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, device_id, enrol_message
from cencomm_crypto.public.wire import (
    ERASED,
    Receipt,
    Sequenced,
    Submission,
    encode_withheld,
    sequence,
)
from cencomm_server.engine.admission import Admission, Offer, Rotations
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.committed import Commit
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.push.fanout import Fanout

from tests.mallory.hostile import Lie, Telling, renumbered

AHEAD_MS = 600_000
GHOST_SIGN, GHOST_BOX = SigningKey.from_seed(b"g" * 32), BoxKey.from_seed(b"h" * 32)


def is_a(item: Sequenced, kind: str) -> bool:
    """Whether an item is an entry of this type."""
    return item.entry is not None and item.entry.header.type == kind


# -- readers are lied to ------------------------------------------------------------------------


class Announcing(Fanout):
    """Pushes heads alone, as to whoever lags."""

    def committed(self, commit: Commit) -> None:
        super().committed(replace(commit, items=(), entries=()))


class HidingRemovals(Telling):
    """A removal goes out as if it were another channel's entry: its 56 bytes (A3)."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self.shape = _without_removals


def _without_removals(reader: Reader, item: Sequenced, data: bytes) -> bytes:
    return encode_withheld(item) if is_a(item, "members.remove") else data


class HidingMessages(Telling):
    """So do all messages, to members of their channel (A39)."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self.shape = _without_messages


def _without_messages(reader: Reader, item: Sequenced, data: bytes) -> bytes:
    return encode_withheld(item) if is_a(item, "message") else data


class Stripping(Telling):
    """Messages go out without their bodies, as if they had been erased (A49)."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self.shape = _without_bodies


def _without_bodies(reader: Reader, item: Sequenced, data: bytes) -> bytes:
    entry = item.entry
    if entry is None or entry.header.type != "message":
        return data
    return encode([ERASED, item.seq, item.at, entry.header_bytes, entry.body_hash, entry.sig])


class Reordering(Telling):
    """Once somebody has spoken, the last two items of every page change places (A6)."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self._spoken = False
        self.shape, self.arrange = self._listening, self._swapped

    def _listening(self, reader: Reader, item: Sequenced, data: bytes) -> bytes:
        self._spoken |= is_a(item, "message")
        return data

    def _swapped(self, pieces: list[bytes]) -> list[bytes]:
        return [*pieces[:-2], *reversed(pieces[-2:])] if self._spoken else pieces


class Forking(Telling):
    """Operations without their first work message, under heads that are really signed (A4)."""

    def _lie(self, reader: Reader, log: LogId) -> Lie | None:
        return _without_the_first if isinstance(self._logs.known(log), OperationRuntime) else None


def _without_the_first(items: list[Sequenced]) -> list[Sequenced]:
    spoken = [item.seq for item in items if is_a(item, "message")]
    return renumbered([item for item in items if item.seq not in spoken[:1]])


class Hurrying(Telling):
    """What operations took since this server began is told as of ten minutes later: for clients
    that believed it, the demonstration's window would be over, and the keys due (A43)."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self._began = logs.clock.now_ms()

    def _lie(self, reader: Reader, log: LogId) -> Lie | None:
        return self._later if isinstance(self._logs.known(log), OperationRuntime) else None

    def _later(self, items: list[Sequenced]) -> list[Sequenced]:
        return [
            replace(item, at=item.at + AHEAD_MS) if item.seq and item.at >= self._began else item
            for item in items
        ]


# -- the log holds what nobody may write --------------------------------------------------------


class _LetsIn(Admission):
    """Judges all but what it made itself."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, Rotations(10**6))
        self.own: set[bytes] = set()

    def admit(self, runtime: LogRuntime, offer: Offer) -> Sequenced:
        if offer.entry.inner not in self.own:
            return super().admit(runtime, offer)
        at = self._clock.next_at(runtime.last_at)
        item = sequence(runtime.replay.size, at, offer.entry)
        runtime.replay.apply(item)
        return item


class _Forging(Appends):
    def __init__(self, logs: Logs, **limits: Any) -> None:
        super().__init__(logs, **limits)
        self._admission = self._lets_in = _LetsIn(logs.clock)
        self._done = False

    async def _slip_in(self, entry: Entry) -> None:
        self._done = True
        self._lets_in.own.add(entry.inner)
        runtime = await self._logs.get(entry.header.log or LogId(b""))
        await self._append(runtime, Offer(Submission.of(entry), entry))


class Impersonating(_Forging):
    """Says one thing more in the name of whoever spoke first (A8)."""

    async def append(self, log: LogId, submission: Submission, poster: Reader | None) -> Receipt:
        receipt = await super().append(log, submission, poster)
        entry = submission.entry()
        if entry.header.type == "message" and not self._done:
            runtime = await self._logs.get(log)
            header = replace(entry.header, id=EntryId(os.urandom(16)), seen=_head(runtime))
            await self._slip_in(author(header, entry.body_bytes or b"", GHOST_SIGN))
        return receipt


class Haunting(_Forging):
    """Adds a device of its own to the person who founds the operation (A2)."""

    async def create(self, submission: Submission, poster: Reader) -> tuple[LogId, Receipt]:
        made = await super().create(submission, poster)
        runtime = await self._logs.get((await self._logs.open_directory()).log_id)
        message = enrol_message(runtime.id32, poster.person, GHOST_BOX.public)
        body = {
            "person": poster.person,
            "sign_pk": GHOST_SIGN.public,
            "box_pk": GHOST_BOX.public,
            "proof": GHOST_SIGN.sign(SigType.ENROL, message),
        }
        header = replace(
            submission.entry().header,
            type="device.add",
            log=runtime.log_id,
            dir=None,
            device=device_id(GHOST_SIGN.public),
            id=EntryId(os.urandom(16)),
            seen=_head(runtime),
        )
        await self._slip_in(author(header, body, GHOST_SIGN))
        return made


def _head(runtime: LogRuntime) -> Head:
    return Head(runtime.size, runtime.replay.tree.root(runtime.size))


PORTS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "A2": {"Appends": Haunting},
    "A3": {"Reading": HidingRemovals, "Fanout": Announcing},
    "A4": {"Reading": Forking, "Fanout": Announcing},
    "A6": {"Reading": Reordering, "Fanout": Announcing},
    "A8": {"Appends": Impersonating},
    "A39": {"Reading": HidingMessages, "Fanout": Announcing},
    "A49": {"Reading": Stripping, "Fanout": Announcing},
    "A43": {"Reading": Hurrying, "Fanout": Announcing},
}
