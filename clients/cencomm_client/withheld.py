"""Places of which a server showed 56 bytes only; they come whole once their scope opens (A39)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.arriving import expect_same
from cencomm_client.errors import ClientCode, LogAlarm


class Withheld:
    """The withheld places of one log, by scope. Iterates over the scopes."""

    def __init__(self, log: DirectoryLog | OperationLog, log_id: LogId) -> None:
        self._log, self._log_id = log, log_id
        self._places: dict[bytes, list[int]] = {}

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._places)

    def __contains__(self, scope: object) -> bool:
        return scope in self._places

    def add(self, item: Sequenced) -> None:
        """Note a place that came without its content."""
        self._places.setdefault(item.scope, []).append(item.seq)

    def places(self, scopes: Iterable[bytes]) -> list[int]:
        """Seqs of the withheld items of these scopes."""
        return [seq for scope in scopes for seq in self._places.get(scope, ())]

    def lacking(self, items: Iterable[Sequenced], due: Iterable[bytes]) -> set[int]:
        """Seqs of withheld items of `due` scopes that did not come whole among `items`."""
        return self._expected(due) - {item.seq for item in items if item.entry is not None}

    def complete(
        self, items: Iterable[Sequenced], due: Iterable[bytes], hoped: Iterable[bytes]
    ) -> list[int]:
        """Hold freshly read items against the leaves: the seqs of `due` and `hoped` scopes that
        came whole. Raises LogAlarm with A39 if one of `due` is still withheld.
        """
        expected = self._expected(due)
        wanted = expected.union(self.places(hoped))
        found: set[int] = set()
        for item in items:
            if item.seq in wanted and item.entry is not None:
                expect_same(item, self._log_id, self._log.tree)
                found.add(item.seq)
        missing = expected - found
        if missing:
            raise LogAlarm(
                ClientCode.ENTRY_WITHHELD,
                f"{len(missing)} entries of an own channel are withheld, from {min(missing)}",
                row="A39",
                log=self._log_id,
                seq=min(missing),
            )
        return sorted(found)

    def _expected(self, due: Iterable[bytes]) -> set[int]:
        """Withheld places of these scopes, but for those that nobody can show any more (A50)."""
        rows = self._log.state.restored if self._log.size else ()
        lost = {seq for row in rows for seq in range(row.start, row.end)}
        return set(self.places(due)) - lost
