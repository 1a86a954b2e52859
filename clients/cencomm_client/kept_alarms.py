"""What a device keeps of alarms: the bytes in the replica, the stop in the vault.

And what a person decided about a stop: to go on, and with that what a log.restored calls lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import decode_sequenced

from cencomm_client.errors import ClientCode, LogAlarm
from cencomm_client.replica import Evidence, Replica
from cencomm_client.stops import keep_losses, keep_stop, lift_stop, losses_of, stop_of
from cencomm_client.vault import Vault
from cencomm_client.verifier import Clock


class KeptAlarms:
    """Alarms of one vault and its replica."""

    def __init__(
        self, vault: Vault, replica: Replica, clock: Clock, is_stopped: Callable[[LogId], bool]
    ) -> None:
        """`is_stopped`: whether a log was stopped just now, in this process."""
        self._vault, self._replica, self._clock = vault, replica, clock
        self._is_stopped = is_stopped

    def of(self, log: LogId | None) -> tuple[Evidence, ...]:
        """What was kept as evidence so far, of one log or of all."""
        return self._replica.evidence(log)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep the bytes of an alarm in the replica before it goes on its way up."""
        try:
            yield
        except LogAlarm as alarm:
            self.keep(alarm)
            log = LogId(alarm.log)
            if log and self._is_stopped(log):
                keep_stop(self._vault, log, alarm, self._clock())
                self._give_losses_back(log, alarm)
            raise

    def keep(self, alarm: LogAlarm) -> None:
        """Keep the bytes; nothing is stopped by that."""
        for data in alarm.evidence or (b"",):
            self._replica.keep_evidence(
                Evidence(
                    alarm.log,
                    alarm.seq,
                    str(alarm.code),
                    alarm.row,
                    alarm.detail,
                    self._clock(),
                    data,
                )
            )

    def lift(self, log: LogId) -> bool:
        """Forget the stop of a log, because a person decided so; whether there was one.

        If it was stopped by a log.restored, the person has read it, and those told with it: what
        they name counts for nothing from now on (A50).
        """
        stop = stop_of(self._vault, log)
        if stop is None or not lift_stop(self._vault, log):
            return False
        if stop.code == ClientCode.LOG_RESTORED:
            self._take_losses(log, stop.seq)
        return True

    def _take_losses(self, log: LogId, seq: int) -> None:
        for kept in self._replica.evidence(log):
            if (kept.code, kept.seq) != (ClientCode.LOG_RESTORED, seq):
                continue
            item = decode_sequenced(kept.data)
            if item.entry is not None and item.entry.body is not None:
                places = range(item.entry.body["from"], item.entry.body["to"])
                losses = losses_of(self._vault, log).and_of(item.seq, places)
                keep_losses(self._vault, log, losses)

    def _give_losses_back(self, log: LogId, alarm: LogAlarm) -> None:
        """A log.restored that does not hold after all takes nothing away."""
        losses = losses_of(self._vault, log)
        if alarm.code == ClientCode.ENTRY_REJECTED and alarm.seq in losses.named:
            keep_losses(self._vault, log, losses.without(alarm.seq))
