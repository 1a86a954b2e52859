"""Who hears of which log, and what each of them gets after a commit (DESIGN 2 Delivery).

Readers who see the same of a commit get the same bytes, built once: in an operation, one frame
for those in the channel and one of 56-byte items for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.ids import ZERO_SCOPE, LogId

from cencomm_server.engine.access import operation_access
from cencomm_server.engine.committed import Commit
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.events import ENTRIES, HEAD
from cencomm_server.push.frames import event_frames

MAX_FRAME_BYTES = 256 * 1024  # a greater commit is only announced


class Subscriber(Protocol):
    """A live socket as the fan-out sees it; no call waits."""

    def push(self, log: LogId, frames: bytes, head: bytes) -> bool:
        """Send `frames`, or keep `head` if the socket lags: False then."""

    def notify(self, log: LogId, head: bytes) -> None:
        """Send the newest `head`, now or when there is room."""

    def inactive(self) -> None:
        """The device may not be here any more: end the connection."""


@dataclass(slots=True)
class _Audience:
    """The subscribers of one log; `whole` holds, per channel looked at, who sees it whole."""

    readers: dict[Subscriber, Reader] = field(default_factory=dict)
    whole: dict[bytes, set[Subscriber]] = field(default_factory=dict)


class Fanout:
    """Listens to commits and tells the subscribers; `join` and `leave` are the sockets'."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._readers: dict[Subscriber, Reader] = {}
        self._audiences: dict[LogId, _Audience] = {}
        logs.listen(self.committed)

    def join(self, subscriber: Subscriber, reader: Reader) -> None:
        """Subscribe to the directory and to every operation that the reader sees now or later.

        Each of them is announced with its newest head. A device that was revoked meanwhile is
        sent away.
        """
        if not self._logs.directory.state.active(reader.device):
            subscriber.inactive()
            return
        self._readers[subscriber] = reader
        for runtime in self._logs.by_id():
            self._attend(runtime, subscriber, reader)

    def leave(self, subscriber: Subscriber) -> None:
        """Tell it nothing more."""
        self._readers.pop(subscriber, None)
        for audience in self._audiences.values():
            _dismiss(audience, subscriber)

    def of(self, wanted: Reader) -> list[Subscriber]:
        """The subscribers of one reader."""
        return [subscriber for subscriber, reader in self._readers.items() if reader == wanted]

    def committed(self, commit: Commit) -> None:
        """Deliver one commit; called after its checkpoint is durable."""
        runtime = self._logs.known(commit.log)
        if runtime is None:
            return
        if isinstance(commit.state, DirectoryState):
            self._end_inactive(commit.state)
        if _may_move_readers(commit):
            audience = self._reassemble(runtime)
        else:
            audience = self._audiences.get(commit.log, _Audience())
        self._deliver(commit, audience)

    # -- who --------------------------------------------------------------------------------

    def _attend(self, runtime: LogRuntime, subscriber: Subscriber, reader: Reader) -> None:
        """Subscribe to one log if the reader sees it to its end, and announce its head."""
        committed = runtime.committed
        if committed is None:
            return
        size, goes_on = committed.size, True
        if isinstance(runtime, OperationRuntime):
            found = operation_access(runtime, reader, self._logs.clock.wall_ms())
            if found is None:
                return
            size, goes_on = found.size, found.goes_on
        if goes_on:
            audience = self._audiences.setdefault(runtime.log_id, _Audience())
            audience.readers[subscriber] = reader
            for scope, whole in audience.whole.items():
                if self._sees(runtime, reader, scope):
                    whole.add(subscriber)
        subscriber.notify(runtime.log_id, _head(runtime.log_id, size, runtime.note_at(size)))

    def _reassemble(self, runtime: LogRuntime) -> _Audience:
        """Judge every reader anew after a control entry; who comes or goes is told the head."""
        audience = self._audiences.setdefault(runtime.log_id, _Audience())
        audience.whole.clear()
        if not isinstance(runtime, OperationRuntime):
            for subscriber, reader in self._readers.items():
                if subscriber not in audience.readers:
                    self._attend(runtime, subscriber, reader)
            return audience
        now = self._logs.clock.wall_ms()
        for subscriber, reader in self._readers.items():
            found = operation_access(runtime, reader, now)
            stays = found is not None and found.goes_on
            if stays != (subscriber in audience.readers):
                audience.readers.pop(subscriber, None)
                self._attend(runtime, subscriber, reader)
        return audience

    def _whole(self, commit: Commit, audience: _Audience, scope: bytes) -> set[Subscriber]:
        """Who of the audience sees a channel whole; judged once, until a control entry."""
        known = audience.whole.get(scope)
        if known is None:
            runtime = self._logs.known(commit.log)
            known = audience.whole[scope] = {
                subscriber
                for subscriber, reader in audience.readers.items()
                if runtime is not None and self._sees(runtime, reader, scope)
            }
        return known

    def _sees(self, runtime: LogRuntime, reader: Reader, scope: bytes) -> bool:
        if not isinstance(runtime, OperationRuntime):
            return True
        found = operation_access(runtime, reader, self._logs.clock.wall_ms())
        return found is not None and found.whole(runtime.size, scope)

    def _end_inactive(self, directory: DirectoryState) -> None:
        gone = [
            subscriber
            for subscriber, reader in self._readers.items()
            if not directory.active(reader.device)
        ]
        for subscriber in gone:
            self.leave(subscriber)
            subscriber.inactive()

    # -- what -------------------------------------------------------------------------------

    def _deliver(self, commit: Commit, audience: _Audience) -> None:
        scopes = sorted({item.scope for item in commit.items} - {ZERO_SCOPE})
        whole = [self._whole(commit, audience, scope) for scope in scopes]
        head = _head(commit.log, commit.size, commit.note)
        if not commit.items:
            for subscriber in tuple(audience.readers):
                subscriber.notify(commit.log, head)
            return
        built: dict[tuple[bool, ...], bytes | None] = {}
        pushed = heads = 0
        for subscriber in tuple(audience.readers):
            sight = tuple(subscriber in group for group in whole)
            if sight not in built:
                visible = {
                    ZERO_SCOPE,
                    *(scope for scope, sees in zip(scopes, sight, strict=True) if sees),
                }
                built[sight] = _frames(commit, visible)
            frames = built[sight]
            if frames is None:
                subscriber.notify(commit.log, head)
                heads += 1
            elif subscriber.push(commit.log, frames, head):
                pushed += 1
            else:
                heads += 1
        self._logs.metrics.pushed(pushed * len(commit.items), heads)


def _may_move_readers(commit: Commit) -> bool:
    """Whether somebody may see the log, or a channel of it, who did not, or the other way round."""
    return not commit.items or any(item.scope == ZERO_SCOPE for item in commit.items)


def _frames(commit: Commit, visible: Iterable[bytes]) -> bytes | None:
    """The commit as one event for those who see these scopes whole; None if it is too large."""
    parts = [encode([commit.log, commit.size, commit.note])]
    parts += [item.whole if item.scope in visible else item.withheld for item in commit.items]
    payload = b"".join(parts)
    return event_frames(ENTRIES, payload) if len(payload) <= MAX_FRAME_BYTES else None


def _head(log: LogId, size: int, note: bytes) -> bytes:
    return event_frames(HEAD, encode([log, size, note]))


def _dismiss(audience: _Audience, subscriber: Subscriber) -> None:
    audience.readers.pop(subscriber, None)
    for whole in audience.whole.values():
        whole.discard(subscriber)
