"""The directory's runtime: also the `DirectoryHistory` of every operation of this process."""

from __future__ import annotations

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import Sequenced

from cencomm_server.engine.committed import Listener, State
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.signer import Signer
from cencomm_server.metrics import Metrics
from cencomm_server.store.documents import LogKind
from cencomm_server.store.port import LogStore


class DirectoryRuntime(LogRuntime):
    """Shows operations no size that a checkpoint does not cover: nobody could have seen it."""

    kind = LogKind.DIRECTORY

    def __init__(
        self,
        log_id: LogId,
        id32: bytes,
        store: LogStore,
        signer: Signer,
        publish: Listener,
        metrics: Metrics,
    ) -> None:
        super().__init__(log_id, id32, store, signer, publish, metrics)
        self._log = DirectoryLog(id32)

    @property
    def replay(self) -> DirectoryLog:
        return self._log

    def _restart(self) -> None:
        self._log = DirectoryLog(self.id32)

    async def _apply_stored(self, item: Sequenced) -> State | Rejected:
        return self._log.apply(item)

    def log_key(self) -> bytes:
        return self._log.state.log_key

    async def follow(self) -> None:
        """Read on in the store; raises StoreDown."""
        async with self.lock:
            self.mark_stale()
            await self.ready()

    async def follow_if_due(self) -> None:
        """The same, but not within a second of a look that found nothing: see `look_ahead`."""
        async with self.lock:
            await self.look_ahead()

    @property
    def state(self) -> DirectoryState:
        """The newest committed state; raises ProtocolError before the genesis."""
        return self.at(self.size)

    def at(self, size: int) -> DirectoryState:
        """State after `size` entries, none beyond the newest checkpoint."""
        if not 1 <= size <= self.size:
            raise ProtocolError(
                ErrorCode.WRONG_HEAD, f"no directory state of size {size}; have {self.size}"
            )
        return self._log.at(size)

    def root(self, size: int) -> bytes | None:
        """Tree root at `size`; None beyond the newest checkpoint."""
        return self._log.root(size) if 0 <= size <= self.size else None
