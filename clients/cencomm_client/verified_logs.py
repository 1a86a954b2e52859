"""The verifiers of all logs of one vault, and how they are rebuilt from the replica.

Ask anew for a log's verifier after every await: a log is rebuilt when a channel opens to this
person, when a person lifted its stop, or when the directory that it rests on was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cencomm_crypto.errors import DirectoryBehind, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced, decode_sequenced

from cencomm_client.errors import LogAlarm, ReplicaBehind, ReplicaDamaged
from cencomm_client.progress import Progress, Stage, counted
from cencomm_client.replica import Replica
from cencomm_client.signed_heads import LogKeys
from cencomm_client.stops import losses_of, stop_of
from cencomm_client.vault import Vault
from cencomm_client.verifier import Clock, LogVerifier

MOST_DECODED = 50_000  # items that are kept for the views after a replay, about 3 kB each


class VerifiedLogs:
    """The directory's verifier, and one for each operation that was asked for."""

    def __init__(self, vault: Vault, replica: Replica, clock: Clock, progress: Progress) -> None:
        self._vault, self._replica, self._clock = vault, replica, clock
        self._progress = progress
        self._operations: dict[LogId, LogVerifier] = {}
        self._decoded: dict[LogId, Sequence[Sequenced]] = {}
        self._found_directory()

    @property
    def operations(self) -> tuple[LogId, ...]:
        """Operations of which at least the genesis is held."""
        return tuple(log for log, verifier in self._operations.items() if verifier.log.size)

    def held(self, log: LogId) -> LogVerifier | None:
        """The verifier of a log; None for an operation of which nothing was read or tried."""
        if log == self._vault.directory_log:
            return self.directory
        return self._operations.get(log)

    def of(self, log: LogId) -> LogVerifier:
        """The verifier of a log, made at first use."""
        found = self.held(log)
        if found is None:
            found = self._operations[log] = self._new_operation(log)
        return found

    def replay_all(self) -> None:
        """Rebuild every log; raises ReplicaBehind, ReplicaDamaged, NewerProtocol."""
        for head in self._vault.heads():
            if self._replica.size(head.log) < head.size:
                raise ReplicaBehind(
                    f"the replica holds {self._replica.size(head.log)} entries of log"
                    f" {head.log.hex()}, this device verified {head.size}"
                )
        logs, directory = self._replica.logs(), self._vault.directory_log
        if directory in logs:
            self._replay_directory()
        for log in logs:
            if log != directory:
                self.replay(log)

    def rebuild(self, log: LogId) -> tuple[LogId, ...]:
        """Replay a log from the replica; of the directory, every operation too. Those rebuilt."""
        directory = log == self._vault.directory_log
        if not self._replica.size(log):  # nothing was verified: begin anew
            if directory:
                self.directory = self._new_directory()
            else:
                self._operations.pop(log, None)
            return ()
        if not directory:
            self.replay(log)
            return (log,)
        self._replay_directory()
        for operation in tuple(self._operations):
            self.replay(operation)
        return self.operations

    def replay(self, log: LogId) -> None:
        """Replay one operation from the replica."""
        verifier = self._new_operation(log)
        self._replay(verifier)
        self._operations[log] = verifier

    def take_decoded(self, log: LogId) -> Sequence[Sequenced]:
        """All items of an operation that was just replayed, once; else none."""
        return self._decoded.pop(log, ())

    # -- inside -------------------------------------------------------------------------------

    def _found_directory(self) -> None:
        log = self._vault.directory_log
        self.directory_log = DirectoryLog(self._vault.directory_id, losses_of(self._vault, log))
        self._keys = LogKeys(self.directory_log)
        self.directory = self._new_directory()

    def _replay_directory(self) -> None:
        self._found_directory()
        self._replay(self.directory)

    def _new_directory(self) -> LogVerifier:
        return self._new(self.directory_log, self._vault.directory_log)

    def _new_operation(self, log: LogId) -> LogVerifier:
        known = self._vault.head(log)
        id32 = None if known is None else known.log_id32
        losses = losses_of(self._vault, log)
        return self._new(OperationLog(self.directory_log, id32, losses), log)

    def _new(self, replay: DirectoryLog | OperationLog, log: LogId) -> LogVerifier:
        return LogVerifier(
            replay,
            log,
            self._keys,
            self._clock,
            known=self._vault.head(log),
            promises=self._vault.promises(log),
            stopped=stop_of(self._vault, log),
            progress=self._progress,
        )

    def _replay(self, verifier: LogVerifier) -> None:
        log = verifier.log_id
        if not self._replica.size(log):
            return
        note = self._replica.note(log)
        if note is None:
            raise ReplicaDamaged(f"log {log.hex()} has no checkpoint")
        try:
            verifier.replay(self._decoding(log), note)
        except (LogAlarm, ProtocolError, DirectoryBehind) as error:
            raise ReplicaDamaged(f"log {log.hex()} does not verify: {error}") from error

    def _decoding(self, log: LogId) -> Iterator[Sequenced]:
        """The items of an operation, kept for its view, which reads them next: to decode them a
        second time is a quarter of opening. More than planned are not kept."""
        self._decoded.pop(log, None)
        kept: list[Sequenced] = []
        size = self._replica.size(log)
        held = size + sum(map(len, self._decoded.values()))
        keep = log != self._vault.directory_log and held <= MOST_DECODED
        items = map(decode_sequenced, self._replica.items(log))
        for item in counted(items, Stage.VERIFYING, size, self._progress):
            if keep:
                kept.append(item)
            yield item
        if keep:
            self._decoded[log] = kept
