"""The one way into a log, for HTTP and Socket.IO alike: parse, queue, commit, receipt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from cencomm_config.errors import IdReused, LogBehind, ShuttingDown, TooBusy, WrongDeployment
from cencomm_crypto.errors import DirectoryBehind, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.bodies import GENESIS_TYPES, ROOT_SIGNED
from cencomm_crypto.public.entry import Entry, log_id32
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Receipt, Submission, sequence

from cencomm_server.engine.admission import Admission, Offer, Rotations, check_poster
from cencomm_server.engine.bots import Drops
from cencomm_server.engine.committing import Committer
from cencomm_server.engine.logs import Logs, log_id_of
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.restoring import Restoring
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.wraps import expect_no_wraps
from cencomm_server.metrics import Alarm, Limit
from cencomm_server.store.documents import LogDoc, LogKind
from cencomm_server.store.port import KeyTaken

_log = structlog.get_logger()

STRANGERS = 32  # submissions without a session in the directory's queue at once (A35)


class Appends:
    """Takes submissions; each method gives the receipt once the entry is under a checkpoint.

    Raises ProtocolError with the code of bytes or rule that refused, DirectoryBehind (wait, send
    again), IdReused, UnknownLog, RateLimited, TooBusy, ClockJumped, StoreDown, ShuttingDown.
    After StoreDown the entry may be in the log or not: the same bytes again give its receipt.
    """

    def __init__(
        self,
        logs: Logs,
        *,
        rotations_per_hour: int = 60,
        hold_s: float = 0.0,
        monotonic_s: Callable[[], float] = time.monotonic,
        restoring: Restoring | None = None,
    ) -> None:
        """`hold_s`: for so long nothing is taken, so that members first say what is lost (A50).

        `restoring` takes what names lost places of a log that is behind; without one nobody does.
        """
        self._restoring = restoring
        self._monotonic_s, self._held_until = monotonic_s, monotonic_s() + hold_s
        self._logs, self._metrics = logs, logs.metrics
        self._admission = Admission(
            logs.clock,
            Rotations(rotations_per_hour, metrics=self._metrics),
            Drops(metrics=self._metrics),
        )
        self._committers: dict[LogId, Committer] = {}
        self._strangers = 0
        self._stopping = False

    async def append(self, log: LogId, submission: Submission, poster: Reader | None) -> Receipt:
        """Append to an existing log; `poster` is None without a session (root signatures only)."""
        with self._metrics.appending():
            return await self._append_to(log, submission, poster)

    async def _append_to(
        self, log: LogId, submission: Submission, poster: Reader | None
    ) -> Receipt:
        entry = submission.entry()
        if entry.header.type in GENESIS_TYPES:
            raise ProtocolError(ErrorCode.WRONG_TYPE, "a genesis starts a log of its own")
        if entry.header.log != log:
            raise ProtocolError(ErrorCode.WRONG_LOG, "the entry was signed for another log")
        check_poster(entry, poster)
        if entry.header.type == "logkey.set":
            self._expect_held(entry)
        return await self._append(await self._logs.get(log), Offer(submission, entry))

    async def append_to_directory(
        self, submission: Submission, poster: Reader | None = None
    ) -> Receipt:
        """Append to the directory what root signatures carry, or found it with its genesis.

        A log.restored goes into the log that it names. Without a session few are taken at once, so
        that a flood keeps no revocation waiting.
        """
        with self._metrics.appending():
            if poster is None and self._strangers >= STRANGERS:
                self._metrics.limited(Limit.QUEUE)
                raise TooBusy(f"{STRANGERS} submissions without a session wait already")
            self._strangers += poster is None
            try:
                return await self._append_to_directory(submission, poster)
            finally:
                self._strangers -= poster is None

    async def _append_to_directory(self, submission: Submission, poster: Reader | None) -> Receipt:
        entry = submission.entry()
        if entry.header.type == "directory.genesis":
            return await self._found_directory(submission, entry)
        if entry.header.type not in ROOT_SIGNED:
            raise ProtocolError(
                ErrorCode.WRONG_TYPE, "only what root signatures carry is taken without a session"
            )
        directory = await self._logs.open_directory()
        if entry.header.type == "log.restored":
            return await self._append_restored(submission, entry, poster)
        return await self._append_to(directory.log_id, submission, poster)

    async def _append_restored(
        self, submission: Submission, entry: Entry, poster: Reader | None
    ) -> Receipt:
        log = entry.header.log
        if log is None:
            raise ProtocolError(ErrorCode.WRONG_LOG, "the entry names no log")
        self._expect_taking()
        expect_no_wraps(submission)
        if self._restoring is not None:
            receipt = await self._restoring.take(log, entry)
            if receipt is not None:
                return receipt
        return await self._append_to(log, submission, poster)

    async def create(self, submission: Submission, poster: Reader) -> tuple[LogId, Receipt]:
        """Start an operation's log with its genesis; the same genesis again is the same log."""
        with self._metrics.appending():
            return await self._create(submission, poster)

    async def _create(self, submission: Submission, poster: Reader) -> tuple[LogId, Receipt]:
        entry = submission.entry()
        if entry.header.type != "operation.genesis":
            raise ProtocolError(ErrorCode.WRONG_TYPE, "operation.genesis expected")
        check_poster(entry, poster)
        id32 = log_id32(entry)
        directory = await self._logs.open_directory()
        try:
            self._try_genesis(OperationLog(directory, id32), entry)
        except DirectoryBehind:
            await directory.follow_if_due()
            self._try_genesis(OperationLog(directory, id32), entry)
        runtime = await self._register(LogKind.OPERATION, id32)
        return runtime.log_id, await self._append(runtime, Offer(submission, entry))

    def waiting(self) -> tuple[int, int]:
        """Entries that wait for their commit in all logs, and their bytes."""
        waits = [committer.waiting() for committer in self._committers.values()]
        return sum(entries for entries, _ in waits), sum(size for _, size in waits)

    async def stop(self) -> None:
        """Take nothing new; returns when everything queued has its receipt or its refusal."""
        self._stopping = True
        await asyncio.gather(*(committer.stop() for committer in self._committers.values()))

    # -- new logs -----------------------------------------------------------------------------

    async def _found_directory(self, submission: Submission, entry: Entry) -> Receipt:
        body, signer = entry.body, self._logs.signer
        if body is None or body["name"] != signer.deployment or not signer.holds(body["log_key"]):
            raise WrongDeployment(
                f"name {signer.deployment!r} and this server's log key expected in the genesis"
            )
        id32 = log_id32(entry)
        self._try_genesis(DirectoryLog(id32), entry)
        runtime = await self._register(LogKind.DIRECTORY, id32)
        if runtime.id32 != id32:
            raise ProtocolError(ErrorCode.ALREADY_EXISTS, "this server has another directory")
        return await self._append(runtime, Offer(submission, entry))

    def _expect_held(self, entry: Entry) -> None:
        """A log key that this server does not hold would stop every log at its next checkpoint."""
        if entry.body is None or not self._logs.signer.holds(entry.body["log_key"]):
            raise WrongDeployment("this server does not hold the new log key yet")

    def _try_genesis(self, log: DirectoryLog | OperationLog, entry: Entry) -> None:
        """Hold a genesis against the rules before anything of the new log is stored."""
        outcome = log.check(sequence(0, self._logs.clock.now_ms(), entry))
        if isinstance(outcome, Rejected):
            raise ProtocolError(outcome.code, outcome.detail)

    async def _register(self, kind: LogKind, id32: bytes) -> LogRuntime:
        log, now = log_id_of(id32), self._logs.clock.now_ms()
        try:
            await self._logs.store.create_log(log, kind, id32, now)
        except KeyTaken as taken:
            raise ProtocolError(ErrorCode.ALREADY_EXISTS, taken.detail) from taken
        return self._logs.register(LogDoc(log, kind, id32, now))

    # -- appending ----------------------------------------------------------------------------

    async def _append(self, runtime: LogRuntime, offer: Offer) -> Receipt:
        self._expect_taking()
        committer = self._committers.get(runtime.log_id)
        if committer is None:
            committer = Committer(runtime, self._logs.store, self._admission, self._metrics)
            self._committers[runtime.log_id] = committer
        try:
            return await committer.submit(offer)
        except (ProtocolError, DirectoryBehind) as refusal:
            if refusal.code == ErrorCode.LOG_DAMAGED:
                raise
            receipt = await self._receipt_of(runtime, offer.entry)
            if receipt is None:
                raise
            return receipt

    def _expect_taking(self) -> None:
        if self._stopping:
            raise ShuttingDown("the server takes nothing new")
        left_s = self._held_until - self._monotonic_s()
        if left_s > 0:
            raise LogBehind(f"after a restore nothing is taken for another {left_s:.0f} s")

    async def _receipt_of(self, runtime: LogRuntime, entry: Entry) -> Receipt | None:
        """The receipt that these bytes have already; raises IdReused if other bytes took the id.

        Asked only of what was refused: a retry is refused for its id, or sooner for something
        that its own first copy brought about.
        """
        header = entry.header
        known = await self._logs.store.entry_by_id(
            runtime.log_id, entry.scope, header.device, header.id
        )
        if known is None:
            return None
        if known.inner != entry.inner:
            _log.error(
                "id_reused", log=runtime.log_id, scope=entry.scope, device=header.device,
                id=header.id, seq=known.seq,
            )  # fmt: skip
            self._metrics.alarm(Alarm.ID_REUSED)
            raise IdReused(f"entry {known.seq} has this id and other bytes")
        if known.seq >= runtime.size:
            await self._logs.wake(runtime.log_id)
        return runtime.receipt(known.seq, known.at)
