"""All logs of this process: found in the store, loaded at first use, followed from then on."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from cencomm_config.errors import NoDirectory, UnknownLog
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import ID_SIZE, LogId

from cencomm_server.engine.clock import Clock
from cencomm_server.engine.committed import Commit, Listener
from cencomm_server.engine.directory import DirectoryRuntime
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.signer import Signer
from cencomm_server.metrics import Metrics
from cencomm_server.store.documents import LogDoc, LogKind
from cencomm_server.store.port import LogStore

_log = structlog.get_logger()


class Logs:
    """The runtimes by log id, and who is told of each commit.

    Listeners are called without waiting, after the checkpoint is durable and before the authors
    get their receipts; what they raise is logged and stops nobody.
    """

    def __init__(
        self, store: LogStore, signer: Signer, clock: Clock, metrics: Metrics | None = None
    ) -> None:
        """`metrics` counts alarms, and what is appended; without one nobody looks."""
        self.store, self.signer, self.clock = store, signer, clock
        self.metrics = metrics or Metrics()
        self._directory: DirectoryRuntime | None = None
        self._operations: dict[LogId, OperationRuntime] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` for every commit of this process from now on."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Find the logs and load the directory; raises StoreDown, or LOG_DAMAGED for it."""
        await self.find()
        if self._directory is not None:
            await self.load(self._directory)

    async def load_all(self) -> None:
        """Load every operation, so that no member's first request waits for it.

        A damaged log is reported and stops no other.
        """
        for runtime in list(self._operations.values()):
            try:
                await self.load(runtime)
            except CencommError as error:
                _log.error("log_not_loaded", log=runtime.log_id, code=error.code)

    # -- finding ------------------------------------------------------------------------------

    async def find(self) -> None:
        """Learn of logs that the store holds and this process does not know yet."""
        for doc in await self.store.logs():
            self.register(doc)

    def register(self, doc: LogDoc) -> LogRuntime:
        """The runtime of a stored log, made at first sight."""
        if doc.kind is LogKind.DIRECTORY:
            if self._directory is None:
                self._directory = DirectoryRuntime(
                    doc.log, doc.id32, self.store, self.signer, self._publish, self.metrics
                )
            return self._directory
        known = self._operations.get(doc.log)
        if known is None:
            if self._directory is None:
                raise NoDirectory("the store holds an operation and no directory")
            known = self._operations[doc.log] = OperationRuntime(
                doc.log,
                doc.id32,
                self.store,
                self.signer,
                self._publish,
                self.metrics,
                self._directory,
            )
        return known

    @property
    def directory(self) -> DirectoryRuntime:
        """The directory; raises NoDirectory before its genesis."""
        if self._directory is None or self._directory.committed is None:
            raise NoDirectory("the directory's genesis has not been posted yet")
        return self._directory

    async def open_directory(self) -> DirectoryRuntime:
        """The same, also if another process has founded it since."""
        if self._directory is None or self._directory.committed is None:
            await self.start()
        return self.directory

    @property
    def operations(self) -> Iterable[OperationRuntime]:
        """Those known here, loaded or not."""
        return tuple(self._operations.values())

    def by_id(self) -> list[LogRuntime]:
        """Every log known here, the directory among them, in order of their ids."""
        known: list[LogRuntime] = list(self._operations.values())
        if self._directory is not None:
            known.append(self._directory)
        return sorted(known, key=lambda runtime: runtime.log_id)

    async def get(self, log: LogId) -> LogRuntime:
        """The log, loaded and with its genesis; raises UnknownLog, StoreDown, LOG_DAMAGED."""
        runtime = self.known(log)
        if runtime is None:
            await self.find()
            runtime = self.known(log)
        if runtime is None:
            raise UnknownLog(f"no log {log.hex()} here")
        if runtime.committed is None:
            await self.load(runtime)
        if runtime.committed is None:
            raise UnknownLog(f"log {log.hex()} has no genesis")
        return runtime

    async def operation(self, log: LogId) -> OperationRuntime:
        """The same, of an operation."""
        runtime = await self.get(log)
        if not isinstance(runtime, OperationRuntime):
            raise UnknownLog(f"log {log.hex()} is not an operation's")
        return runtime

    async def load(self, runtime: LogRuntime) -> None:
        """Load, or read again after a failure; wraps of rotates that were never appended go."""
        async with runtime.lock:
            first = runtime.committed is None
            await runtime.ready()
        if runtime.behind is not None:  # wraps of rotates that will be handed back are no orphans
            return
        if first and isinstance(runtime, OperationRuntime):
            dropped = await self.store.drop_orphan_wraps(runtime.log_id, runtime.wrapping)
            if dropped:
                _log.info("orphan_wraps_dropped", log=runtime.log_id, count=dropped)

    async def wake(self, log: LogId, size: int | None = None) -> None:
        """Read on in a log to which another process has appended; what is new is pushed.

        With `size`: only if fewer entries are committed here, which this process's own are.
        """
        runtime = await self.get(log)
        async with runtime.lock:
            if size is None or runtime.size < size:
                runtime.mark_stale()
                await runtime.ready()

    def damaged(self) -> tuple[LogId, ...]:
        """Logs that have stopped because the store contradicts what was signed; for /readyz."""
        return tuple(runtime.log_id for runtime in self.by_id() if runtime.damaged is not None)

    def behind(self) -> tuple[LogId, ...]:
        """Logs that take nothing because the store lost what was signed (A50); for /readyz."""
        return tuple(runtime.log_id for runtime in self.by_id() if runtime.behind is not None)

    def known(self, log: LogId) -> LogRuntime | None:
        """The runtime, if this process knows the log, loaded or not."""
        if self._directory is not None and self._directory.log_id == log:
            return self._directory
        return self._operations.get(log)

    def _publish(self, commit: Commit) -> None:
        for listener in self._listeners:
            try:
                listener(commit)
            except Exception:
                _log.exception("listener_failed", log=commit.log)


def log_id_of(id32: bytes) -> LogId:
    """The short id by which headers and the store name a log."""
    return LogId(id32[:ID_SIZE])
