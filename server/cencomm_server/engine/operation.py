"""An operation's runtime: what readers need of its past, beside the replay itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection

from cencomm_crypto.errors import DirectoryBehind, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.ids import LogId, PersonId
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.wire import Sequenced

from cencomm_server.engine.committed import Listener, State
from cencomm_server.engine.directory import DirectoryRuntime
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.signer import Signer
from cencomm_server.metrics import Metrics
from cencomm_server.store.documents import LogKind
from cencomm_server.store.port import LogStore

_WRAPPED = ("channel.rotate", "channel.grant")


class OperationRuntime(LogRuntime):
    """Keeps the state before each entry by which somebody left something, and where wraps belong.

    Between two such entries memberships only grow: the state just before the next one says
    whom an entry was for (`state_of_era`). States share what did not change, so this is cheap.
    """

    kind = LogKind.OPERATION

    def __init__(
        self,
        log_id: LogId,
        id32: bytes,
        store: LogStore,
        signer: Signer,
        publish: Listener,
        metrics: Metrics,
        directory: DirectoryRuntime,
    ) -> None:
        super().__init__(log_id, id32, store, signer, publish, metrics)
        self.directory = directory
        self._log = OperationLog(directory, id32)
        self._leaving_seqs: list[int] = []
        self._leaving_states: list[OperationState] = []
        self._wrapped: dict[int, bytes] = {}  # seq of a rotate or grant -> inner hash

    @property
    def replay(self) -> OperationLog:
        return self._log

    def _restart(self) -> None:
        self._log = OperationLog(self.directory, self.id32)

    async def _apply_stored(self, item: Sequenced) -> State | Rejected:
        """Another process may have read more of the directory than this one."""
        try:
            return self._log.apply(item)
        except DirectoryBehind:
            await self.directory.follow()
        try:
            return self._log.apply(item)
        except DirectoryBehind as behind:
            self.directory.expect_whole()  # what it names may be handed back yet
            raise ProtocolError(
                ErrorCode.LOG_DAMAGED, f"entry {item.seq}: {behind.detail}, nor in the store"
            ) from behind

    async def come_whole(self) -> None:
        """The same of the directory too: a revocation may be among what it lacks."""
        await super().come_whole()
        if self.directory.behind is not None:
            await self.directory.follow_if_due()
        self.directory.expect_whole()

    async def follow_directory(self) -> None:
        """Read on in the directory for an entry that names more of it; raises StoreDown."""
        await self.directory.follow_if_due()

    def log_key(self) -> bytes:
        return self.directory.state.log_key

    def remember(self, item: Sequenced, before: State | None, after: State) -> None:
        assert isinstance(after, OperationState)  # noqa: S101 (tells the type, not a check)
        if isinstance(before, OperationState) and after.leavings != before.leavings:
            self._leaving_seqs.append(item.seq)
            self._leaving_states.append(before)
        if item.entry is not None and item.entry.header.type in _WRAPPED:
            self._wrapped[item.seq] = item.inner

    def forget(self, size: int) -> None:
        while self._leaving_seqs and self._leaving_seqs[-1] >= size:
            del self._leaving_seqs[-1], self._leaving_states[-1]
        for seq in [seq for seq in reversed(self._wrapped) if seq >= size]:
            del self._wrapped[seq]

    # -- what readers ask ---------------------------------------------------------------------

    @property
    def state(self) -> OperationState | None:
        """The newest committed state."""
        state = None if self.committed is None else self.committed.state
        return state if isinstance(state, OperationState) else None

    def state_of_era(self, seq: int) -> OperationState | None:
        """State just before the next committed leaving at or after `seq`; None: the newest."""
        place = bisect_right(self._leaving_seqs, seq - 1)
        if place < len(self._leaving_seqs) and self._leaving_seqs[place] < self.size:
            return self._leaving_states[place]
        return None

    def left_at(self, person: PersonId) -> int | None:
        """Seq of the entry by which a former member left; None for who never was one."""
        for seq, state in zip(
            reversed(self._leaving_seqs), reversed(self._leaving_states), strict=True
        ):
            if seq < self.size and person in state.members:
                return seq
        return None

    def wrapped_by(self, seq: int) -> bytes | None:
        """Inner hash of the rotate at `seq`: under which its wraps are kept."""
        return self._wrapped.get(seq)

    @property
    def wrapping(self) -> Collection[bytes]:
        """Inner hashes of all rotates and grants of the log."""
        return frozenset(self._wrapped.values())
