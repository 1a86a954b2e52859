"""A log as its readers rebuild it: the tree, and the state that the rules give.

Used alike by the server before it writes, by every client and by the auditor's tool, so that
all compute one state (DESIGN 2). Verifies place, time, scope and log id; whoever feeds it
verifies checkpoints against `root()`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.bodies import GENESIS_TYPES
from cencomm_crypto.public.directory.rules import apply_directory
from cencomm_crypto.public.directory.state import DirectoryState, Restored
from cencomm_crypto.public.entry import log_id32
from cencomm_crypto.public.history import DirectoryHistory
from cencomm_crypto.public.ids import ID_SIZE, ZERO_SCOPE, LogId
from cencomm_crypto.public.lost import NO_LOSSES, Losses, ReadAnew
from cencomm_crypto.public.operation.rules import apply_operation
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import Sequenced

UNDO_DEPTH = 1024  # states kept for `truncate`; more than a batch of the server


class _Log:
    """What both kinds of log share: the id, the tree and the checks of an item's place."""

    def __init__(self, id32: bytes | None, losses: Losses) -> None:
        self._pin, self._id32 = id32, id32
        self.tree = Tree()
        self._at = 0
        self.losses = losses
        self._void = losses.void()
        self._lost: list[int] = []  # places read as lost, ascending

    @property
    def size(self) -> int:
        """Number of leaves read so far."""
        return self.tree.size

    @property
    def id32(self) -> bytes:
        """All 32 bytes of the log's id; known from the pin or from the genesis."""
        if self._id32 is None:
            raise ProtocolError(ErrorCode.WRONG_LOG, "the log has no genesis yet")
        return self._id32

    @property
    def id16(self) -> LogId:
        """The log's short id, as headers name it."""
        return LogId(self.id32[:ID_SIZE])

    def root(self, size: int) -> bytes | None:
        """Tree root at `size`, None beyond what was read."""
        return self.tree.root(size) if 0 <= size <= self.tree.size else None

    def leaf(self, seq: int) -> bytes | None:
        """Leaf hash at `seq`, None beyond what was read."""
        return self.tree.leaf(seq) if 0 <= seq < self.tree.size else None

    @property
    def lost(self) -> frozenset[int]:
        """Places read as lost, named or not."""
        return frozenset(self._lost)

    def _unnamed(self, restored: Sequence[Restored]) -> list[int]:
        """Places read as lost that no accepted log.restored names: who sent them owes one."""
        return [
            seq for seq in self._lost if not any(row.start <= seq < row.end for row in restored)
        ]

    @property
    def void(self) -> frozenset[int]:
        """Places that count for nothing, though they may be held."""
        return self._void

    def _without_effect(self, item: Sequenced) -> bool:
        """Whether the place has nothing that could have an effect for this reader."""
        return item.entry is None or item.seq in self._void

    def _expect_known(self, item: Sequenced, restored: Restored) -> None:
        """Raise ReadAnew where an accepted log.restored names what may have had an effect here."""
        places = range(restored.start, restored.end)
        if item.seq in self.losses.named or self._void.union(self._lost).issuperset(places):
            return
        raise ReadAnew(self.losses.and_of(item.seq, places))

    def _place(self, item: Sequenced) -> None:
        """Hold an item against its place; failures are the server's fault (A4, A39, A48)."""
        if item.seq != self.size:
            raise _damaged(f"item {item.seq} read where {self.size} was expected")
        if item.at < self._at:
            raise _damaged(f"item {item.seq}: its time lies before the one before it")
        entry = item.entry
        if entry is None:
            if item.seq == 0:
                raise _damaged("the genesis was withheld")
            if item.scope == ZERO_SCOPE and not item.lost:
                raise _damaged(f"item {item.seq}: a control entry was withheld")
            return
        if entry.scope != item.scope or entry.inner != item.inner:
            raise _damaged(f"item {item.seq}: scope or hash is not its entry's")
        if (entry.header.type in GENESIS_TYPES) != (item.seq == 0):
            raise _damaged(f"item {item.seq}: a genesis stands first, and only there")
        if item.seq == 0:
            found = log_id32(entry)
            if self._id32 is not None and found != self._id32:
                raise ProtocolError(ErrorCode.WRONG_LOG, "the genesis is not the one pinned")
        elif entry.header.log != self.id16:
            raise ProtocolError(ErrorCode.WRONG_LOG, f"item {item.seq} was signed for another log")

    def _commit(self, item: Sequenced) -> None:
        if item.seq == 0 and item.entry is not None:
            self._id32 = log_id32(item.entry)
        if item.lost:
            self._lost.append(item.seq)
        self.tree.append(item.leaf)
        self._at = item.at

    def _cut(self, size: int) -> None:
        """Forget leaves from `size` on; without its genesis a log has the id of its pin only."""
        self.tree.truncate(size)
        self._lost = [seq for seq in self._lost if seq < size]
        if not size:
            self._id32 = self._pin


class DirectoryLog(_Log):
    """The directory with its state at every size; is a `DirectoryHistory` and its own `Roots`."""

    def __init__(self, id32: bytes | None = None, losses: Losses = NO_LOSSES) -> None:
        super().__init__(id32, losses)
        self._states: list[DirectoryState] = []
        self.void_log_keys: list[bytes] = []  # they signed notes before their naming was lost

    @property
    def state(self) -> DirectoryState:
        """The newest state; raises ProtocolError before the genesis."""
        return self.at(self.size)

    def at(self, size: int) -> DirectoryState:
        """State after `size` entries."""
        if not 1 <= size <= len(self._states):
            raise ProtocolError(
                ErrorCode.WRONG_HEAD, f"no directory state of size {size}; have {self.size}"
            )
        return self._states[size - 1]

    @property
    def unnamed(self) -> list[int]:
        """Places read as lost that no accepted log.restored names."""
        return self._unnamed(self.state.restored) if self._lost else []

    def check(self, item: Sequenced) -> DirectoryState | Rejected:
        """What `apply` would give, without appending; raises ReadAnew as it does."""
        self._place(item)
        if item.entry is None and not item.lost:
            raise _damaged(f"item {item.seq}: the directory withholds nothing")
        state = self._states[-1] if self._states else None
        if state is not None and self._without_effect(item):
            return replace(state, size=item.seq + 1, at=item.at)
        result = apply_directory(state, item, self)
        if not isinstance(result, Rejected) and _is_restoring(item):
            self._expect_known(item, result.restored[-1])
        return result

    def apply(self, item: Sequenced) -> DirectoryState | Rejected:
        """Append the leaf and advance; a rejected entry advances size and time only.

        Raises ReadAnew where the log must be replayed from its start, with other losses.
        """
        result = self.check(item)
        entry = item.entry
        if entry is not None and item.seq in self._void and entry.header.type == "logkey.set":
            self.void_log_keys.append((entry.body or {})["log_key"])
        if isinstance(result, Rejected):
            if not self._states:
                raise ProtocolError(result.code, result.detail)
            self._states.append(replace(self._states[-1], size=item.seq + 1, at=item.at))
        else:
            self._states.append(result)
        self._commit(item)
        return result

    def truncate(self, size: int) -> None:
        """Go back to `size`; only for what was not yet written."""
        del self._states[size:]
        self._cut(size)
        self._at = self._states[-1].at if self._states else 0


class OperationLog(_Log):
    """An operation's log over a directory; own `Roots`."""

    def __init__(
        self,
        directory: DirectoryHistory,
        id32: bytes | None = None,
        losses: Losses = NO_LOSSES,
    ) -> None:
        super().__init__(id32, losses)
        self.directory = directory
        self._state: OperationState | None = None
        self._undo: deque[tuple[int, OperationState | None]] = deque(maxlen=UNDO_DEPTH)

    @property
    def state(self) -> OperationState:
        """The newest state; raises ProtocolError before the genesis."""
        if self._state is None:
            raise ProtocolError(ErrorCode.WRONG_HEAD, "the operation has no genesis yet")
        return self._state

    @property
    def unnamed(self) -> list[int]:
        """Places read as lost that no accepted log.restored names."""
        return self._unnamed(self.state.restored) if self._lost else []

    def check(self, item: Sequenced) -> OperationState | Rejected:
        """What `apply` would give, without appending; raises DirectoryBehind to wait, ReadAnew."""
        self._place(item)
        if self._without_effect(item):
            return replace(self.state, size=item.seq + 1, at=item.at)
        result = apply_operation(self._state, item, self, self.directory)
        if not isinstance(result, Rejected) and _is_restoring(item):
            self._expect_known(item, result.restored[-1])
        return result

    def apply(self, item: Sequenced) -> OperationState | Rejected:
        """Append the leaf and advance; rejected and withheld ones advance size and time only.

        Raises ReadAnew where the log must be replayed from its start, with other losses.
        """
        result = self.check(item)
        if isinstance(result, Rejected):
            if self._state is None:
                raise ProtocolError(result.code, result.detail)
            advanced = replace(self._state, size=item.seq + 1, at=item.at)
        else:
            advanced = result
        self._undo.append((self.size, self._state))
        self._state = advanced
        self._commit(item)
        return result

    def truncate(self, size: int) -> None:
        """Go back to `size` (at most UNDO_DEPTH entries); only for what was not yet written."""
        while self.size > size:
            if not self._undo:
                raise ValueError(f"cannot go back to size {size}: too far")
            known, self._state = self._undo.pop()
            self._cut(known)
        self._at = 0 if self._state is None else self._state.at


AnyLog = TypeVar("AnyLog", DirectoryLog, OperationLog)


def read_log(
    new: Callable[[Losses], AnyLog], items: Callable[[], Iterable[Sequenced]]
) -> tuple[AnyLog, dict[int, Rejected]]:
    """Replay a whole log, anew as often as what it calls lost asks for (PROTOCOL 11.2).

    `new` makes an empty log, `items` gives its items from the first. Gives the log and, by seq,
    why entries of it have no effect. Raises as `apply`, but for ReadAnew.
    """
    losses = NO_LOSSES
    while True:
        log, rejected = new(losses), dict[int, Rejected]()
        try:
            for item in items():
                outcome = log.apply(item)
                if isinstance(outcome, Rejected):
                    expect_no_restoration(item, outcome)
                    rejected[item.seq] = outcome
        except ReadAnew as anew:
            losses = anew.losses
        else:
            return log, rejected


def expect_no_restoration(item: Sequenced, outcome: Rejected) -> None:
    """Raise LOG_DAMAGED if a rejected item is a log.restored: others may take it (RES-4)."""
    if _is_restoring(item):
        raise _damaged(f"entry {item.seq}, log.restored: {outcome.code}: {outcome.detail}")


def _is_restoring(item: Sequenced) -> bool:
    return item.entry is not None and item.entry.header.type == "log.restored"


def _damaged(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.LOG_DAMAGED, detail)
