"""What servers lost of the logs that this device holds: noticed, handed back, reported (A50)."""

from __future__ import annotations

from typing import Protocol

from cencomm_crypto.public.ids import LogId

from cencomm_client.answers import Standing
from cencomm_client.errors import LogBehind, Refused, TryLater
from cencomm_client.handing_back import Holding, Taker, gaps, hand_back, tell
from cencomm_client.kept_alarms import KeptAlarms
from cencomm_client.replica import Replica
from cencomm_client.root.loss_report import LossReport
from cencomm_client.signed_heads import claimed_size
from cencomm_client.unread import unread_of
from cencomm_client.vault import Vault
from cencomm_client.verified_logs import VerifiedLogs


class Notes(Taker, Protocol):
    """What takes tails back and shows signed heads; `transport.Transport` is one."""

    async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
        """The newest signed note of a log; `least`: the size that this reader knows there is."""


class SizedNotes(Taker, Protocol):
    """The same, of heads beyond what the server shows too; `transport.Transport` is one."""

    async def checkpoint(self, log: LogId, size: int | None = None) -> bytes:
        """The signed note of exactly `size`, the newest if none is said."""


class LostTails:
    """Hands back on behalf of a mirror; `lost_from` says what else there is to mend."""

    def __init__(
        self, vault: Vault, replica: Replica, logs: VerifiedLogs, alarms: KeptAlarms
    ) -> None:
        self._vault, self._replica, self._logs, self._alarms = vault, replica, logs, alarms
        self.lost_from: dict[LogId, int] = {}
        """Logs of which a server had lost what lies from here on; `Operations.mend` takes them"""

    async def hand_back(self, taker: Taker, log: LogId) -> Standing:
        """Tell a server what this device holds of a log, and bring what it lost of it.

        Whether or not the log is stopped here. Raises TransportError or Refused.
        """
        heads, holding = self._logs.of(log).heads_beyond(0), self._holding(log)
        if heads:
            before = await tell(taker, holding, heads[-1].note)
            if before.size < before.signed:
                self._lost(log, before.size)
        return await hand_back(taker, holding, heads)

    async def notice(self, source: Notes, log: LogId, note: bytes, size: int, least: int) -> bytes:
        """Hand over what the newest checkpoint, `note` of `size`, lacks of `least` entries that
        were signed; the newest one then.

        Raises LogBehind if the server says that it still lacks some: nothing is read before it is
        back. Both notes are kept as evidence. A server that takes nothing back is judged.
        """
        verifier = self._logs.of(log)
        heads = verifier.heads_beyond(size)
        if not heads or not verifier.is_signed(note):
            return note
        try:
            standing = await hand_back(source, self._holding(log), heads)
        except TryLater:
            raise
        except Refused:
            return note
        evidence = verifier.restored_behind(size, note)
        if standing.size < standing.signed:
            self._lost(log, size)
            self._alarms.keep(evidence)
            raise LogBehind(
                "log_behind",
                f"log {log.hex()}: {standing.size} entries are there, {standing.signed} were"
                " signed; members who read what lacks have to hand it back",
            )
        newest = await source.checkpoint(log, least=least)
        if claimed_size(newest) >= least:  # else it was never behind, and is judged
            self._lost(log, size)
            self._alarms.keep(evidence)
        return newest

    async def report(self, source: SizedNotes, log: LogId) -> LossReport | None:
        """What of a log nobody has handed back; None if nothing lacks that this device knows of.

        Hands back first. Raises TransportError, Refused, or LogAlarm for a newest head that the
        log's key did not sign.
        """
        standing = await self.hand_back(source, log)
        found = await gaps(source, self._holding(log))
        if not found:
            return None
        note = await source.checkpoint(log, standing.signed)
        with self._alarms.keeping():
            self._logs.of(log).expect_signed(note)
        return LossReport(self._vault.directory_id, log, note, found)

    def _holding(self, log: LogId) -> Holding:
        heads = self._logs.of(log).heads_beyond(0)
        return Holding(self._replica, log, unread_of(self._vault, log), heads)

    def _lost(self, log: LogId, size: int) -> None:
        self.lost_from[log] = min(size, self.lost_from.get(log, size))
