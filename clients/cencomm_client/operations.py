"""The operations of one client: opened once each, kept up with the mirror, found by name."""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_crypto.errors import CencommError, Rejected
from cencomm_crypto.public.ids import LogId

from cencomm_client.automation.rekeying import passed
from cencomm_client.directory import Directory
from cencomm_client.kept_logs import Update
from cencomm_client.mending import bring_wraps
from cencomm_client.notices import Remark, directory_remarks, ends_somebody
from cencomm_client.operation import Operation
from cencomm_client.station import Station


@dataclass(frozen=True, slots=True)
class Summary:
    """One line about an operation."""

    id: LogId
    name: str
    phase: str
    role: str | None
    window: tuple[int, int]
    size: int
    exercise: bool = False


class Operations:
    """Every operation that this device has read; `running` says that automation is on."""

    def __init__(self, station: Station, directory: Directory) -> None:
        self._station, self._directory = station, directory
        self._open: dict[LogId, Operation] = {}
        self.running = False
        self.remarks: list[Remark] = []
        """What the directory said of this person's own devices and root since the client opened"""
        self._unlisten = station.mirror.listen(self._moved)

    def of(self, log: LogId) -> Operation:
        """The operation of a log that is held."""
        found = self._open.get(log)
        if found is None:
            found = self._open[log] = Operation(self._station, log, self._directory)
        if self.running:
            found.start()
        return found

    def all(self) -> list[Operation]:
        """All of them, in the order in which they came."""
        return [self.of(log) for log in self._station.mirror.operations]

    def find(self, name: str | bytes) -> list[Operation]:
        """Those of this name, of this id, or whose id starts with these hex digits."""
        known = self.all()
        if isinstance(name, bytes):
            return [operation for operation in known if operation.id == name]
        named = [operation for operation in known if operation.name == name]
        return named or [
            operation for operation in known if name and operation.id.hex().startswith(name)
        ]

    def summaries(self) -> tuple[Summary, ...]:
        """One line about each."""
        return tuple(
            Summary(
                operation.id,
                operation.name,
                operation.phase,
                operation.role,
                operation.state.window,
                operation.state.size,
                operation.exercise,
            )
            for operation in self.all()
        )

    def start(self) -> None:
        """Turn the automation on, for those that come later too."""
        self.running = True
        self.all()

    async def stop(self) -> None:
        """Stop the automation, end every `follow`, hear of nothing more."""
        self.running = False
        self._unlisten()
        for operation in self._open.values():
            await operation.stop()

    async def mend(self, log: LogId) -> None:
        """Bring back wraps that the server lost with the end of a log, once that is back (A50)."""
        mirror = self._station.mirror
        lost_from = mirror.tails.lost_from
        if log in lost_from and log in mirror.operations:
            await bring_wraps(self._station, self.of(log).view, lost_from[log])
        lost_from.pop(log, None)

    def retire_box_keys(self) -> int:
        """Delete box keys from before the last re-key once every operation has passed it."""
        vault, directory = self._station.vault, self._station.directory
        device = directory.device(vault.device)
        if device is None or device.box_pk != vault.box_key.public or len(vault.box_keys) == 1:
            return 0
        for operation in self.all():
            view = operation.view
            missing = any(view.keyring.missing(chan, view.state) for chan in view.channels())
            if not passed(view.standing(), missing=missing):
                return 0
        old = [key.public for key in vault.box_keys if key.public != device.box_pk]
        for public in old:
            vault.retire_box_key(public)
        vault.save()
        return len(old)

    def tell(self, log: LogId | None, error: CencommError) -> None:
        """An alarm in one log (the directory's touches all), or (None) the session ended."""
        for operation in self._open.values():
            if log is None or log in (operation.id, self._station.vault.directory_log):
                operation.view.failed(error)

    def _moved(self, update: Update) -> None:
        """The mirror verified a step of some log."""
        if update.log == self._station.vault.directory_log:
            self._directory_moved(update)
            return
        known = self._open.get(update.log)
        if known is not None:
            known.view.take(update)
            known.wake()
        elif self.running:
            self.of(update.log)

    def _directory_moved(self, update: Update) -> None:
        accepted = [
            item
            for item, outcome in zip(update.items, update.outcomes, strict=True)
            if not isinstance(outcome, Rejected)
        ]
        ended = [item.at for item in accepted if ends_somebody(item)]
        vault, directory = self._station.vault, self._station.directory
        person, device = vault.person, vault.device
        for item in accepted:
            self.remarks += directory_remarks(item, directory, person, frozenset(), device)
        for operation in self._open.values():
            if ended:
                operation.view.directory_moved(min(ended))
            watched = frozenset(operation.state.members)
            for item in accepted:
                for remark in directory_remarks(item, directory, person, watched, device):
                    operation.view.notice(remark.code, remark.detail)
            operation.wake()
