"""What a server would serve of built logs, to one person: pages, pushes and signed checkpoints.

    served = Served(directory, person)                # DirectoryBuilder, HeldPerson
    served.add(operation)                             # OperationBuilder
    await mirror.pull(served, operation.log.id16)

Honest by default. A test makes it lie through `items` (what is sent in place of the true
items), `sizes` (how long a log it claims), `key` and `keys` (who signs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cencomm_client.answers import EntriesPage, PushFrame, Standing
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.operation.views import visible
from cencomm_crypto.public.tail import TailPart
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    encode_sequenced,
    encode_withheld,
)

from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.operation import OperationBuilder

PAGE = 7  # items: small, so that every pull has several pages
Lie = Callable[[list[Sequenced]], list[Sequenced]]


@dataclass
class Served:
    """A `mirror.Source` over builders, as `person` may see them."""

    directory: DirectoryBuilder
    person: HeldPerson
    operations: dict[LogId, OperationBuilder] = field(default_factory=dict)
    items: dict[LogId, Lie] = field(default_factory=dict)
    sizes: dict[LogId, int] = field(default_factory=dict)
    hidden: set[bytes] = field(default_factory=set)
    key: SigningKey | None = None
    keys: dict[LogId, SigningKey] = field(default_factory=dict)

    def add(self, operation: OperationBuilder) -> LogId:
        """Serve an operation too."""
        self.operations[operation.log.id16] = operation
        return operation.log.id16

    def sequenced(self, log: LogId) -> list[Sequenced]:
        """The items of a log, after this server's lie about them."""
        true = (
            self.directory.entries
            if log == self.directory.log.id16
            else self.operations[log].entries
        )
        lie = self.items.get(log)
        told = list(true) if lie is None else lie(list(true))
        return told[: self.sizes.get(log, len(told))]

    def encoded(self, log: LogId, item: Sequenced) -> bytes:
        """One item as this person may see it."""
        operation = self.operations.get(log)
        whole = operation is None or visible(operation.state, self.person.id, item.scope)
        if whole and item.scope not in self.hidden:
            return encode_sequenced(item)
        return encode_withheld(item)

    def note(self, log: LogId, size: int | None = None) -> bytes:
        """The signed checkpoint of what is served (or of its first `size` items)."""
        items = self.sequenced(log)[:size]
        root = Tree(item.leaf for item in items).root()
        name = origin(self.directory.state.name, log)
        key = self.keys.get(log) or self.key or self.directory.log_key
        return sign_checkpoint(Checkpoint(name, len(items), root), key)

    def receipt(self, log: LogId, seq: int) -> Receipt:
        """The receipt of the entry at `seq`."""
        items = self.sequenced(log)
        tree = Tree(item.leaf for item in items)
        return Receipt(seq, items[seq].at, self.note(log), tree.inclusion(seq, len(items)))

    def frame(self, log: LogId, start: int, end: int | None = None) -> PushFrame:
        """A push of the items from `start` on."""
        items = self.sequenced(log)[:end]
        data = b"".join(self.encoded(log, item) for item in items[start:])
        return PushFrame(log, len(items), self.note(log, len(items)), data)

    async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
        """`mirror.Source`."""
        return self.note(log)

    async def tail(self, log: LogId, part: TailPart) -> Standing:
        """`mirror.Source`: a server that says it has lost nothing."""
        size = len(self.sequenced(log))
        return Standing(size, size, size, ())

    async def entries(self, log: LogId, after: int) -> EntriesPage:
        """`mirror.Source`."""
        items = self.sequenced(log)
        page = items[after : after + PAGE]
        data = b"".join(self.encoded(log, item) for item in page)
        return EntriesPage(data, after + len(page), len(items))
