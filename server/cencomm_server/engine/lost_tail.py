"""The places that the store lost, as far as members have told of them: bounded, and checked.

First their 56-byte forms: one device tells all of them, and they must rebuild the signed root.
From then on each whole entry proves itself, whoever brings it: it is the leaf of its place, or not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from cencomm_config.errors import TooBusy
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.lost import LEAF_BYTES
from cencomm_crypto.public.note import Checkpoint
from cencomm_crypto.public.tail import forms_in, leaf_of_form, lost_item
from cencomm_crypto.public.wire import Sequenced

MOST_PLACES = 200_000  # of one log; 11 MB of forms
MOST_TELLERS = 4  # devices whose forms are gathered at once; the one that began first goes first
MOST_BYTES = 64 << 20  # of whole entries kept for one log
MOST_RANGES = 100  # of what is lacking, in one answer


class LostTail:
    """What lies from `base`, the size of the store, up to `head.size`."""

    def __init__(self, base: int, head: Checkpoint) -> None:
        """Raises TooBusy for more than are kept at once."""
        if head.size - base > MOST_PLACES:
            raise TooBusy(f"{head.size - base} entries are lost, at most {MOST_PLACES} are taken")
        self.base, self.head = base, head
        self._told: OrderedDict[DeviceId, bytearray] = OrderedDict()
        self._forms: Sequence[bytes] | None = None
        self._items: dict[int, Sequenced] = {}
        self._settled: frozenset[int] = frozenset()
        self._bytes = 0

    # -- forms --------------------------------------------------------------------------------

    @property
    def known(self) -> bool:
        """Whether the forms are known that rebuild the signed root."""
        return self._forms is not None

    def wanted(self, device: DeviceId) -> int:
        """The place whose form this device is to tell next; `head.size`: no more of them."""
        if self.known:
            return self.head.size
        return self.base + len(self._told.get(device, b"")) // LEAF_BYTES

    def tell(self, device: DeviceId, start: int, forms: bytes) -> list[bytes] | None:
        """Take forms from `start` on; all of them from `base` on once this device told the last.

        What is not wanted next is left out: the device hears from where to go on.
        """
        if not forms or start != self.wanted(device) or self.known:
            return None
        told = self._told.setdefault(device, bytearray())
        if len(self._told) > MOST_TELLERS:
            self._told.popitem(last=False)
        if len(told) + len(forms) > (self.head.size - self.base) * LEAF_BYTES:
            del self._told[device]
            raise ProtocolError(ErrorCode.TOO_MANY, "forms beyond the signed head")
        told += forms
        if self.wanted(device) < self.head.size:
            return None
        del self._told[device]
        return list(forms_in(bytes(told)))

    def learn(self, forms: Sequence[bytes]) -> None:
        """These rebuild the signed root over what the store holds."""
        self._forms = forms
        self._told.clear()

    def leaf(self, seq: int) -> bytes | None:
        """The leaf of a place; None if it is not known, or no place of the tail."""
        if self._forms is None or not self.base <= seq < self.head.size:
            return None
        return leaf_of_form(seq, self._forms[seq - self.base])

    # -- entries ------------------------------------------------------------------------------

    def take(self, item: Sequenced, size_bytes: int) -> None:
        """Keep a whole entry of its place; one that is here or named lost already is left out.

        Raises BAD_PROOF for one that was never there, TooBusy where no more is kept.
        """
        if item.seq in self._items or item.seq in self._settled:
            return
        if item.leaf != self.leaf(item.seq):
            raise ProtocolError(ErrorCode.BAD_PROOF, f"entry {item.seq} is not the signed one")
        if self._bytes + size_bytes > MOST_BYTES:
            raise TooBusy(f"{self._bytes} bytes of this log's lost entries wait already")
        self._items[item.seq] = item
        self._bytes += size_bytes

    def settle(self, named: Iterable[int]) -> None:
        """Nobody need bring these: a log.restored in the log names them."""
        self._settled = frozenset(named)

    def brought(self, places: range) -> list[int]:
        """Those of these places that are not lacking: a member brought them."""
        return [seq for seq in places if seq in self._items]

    def lacks(self, start: int = 0) -> list[tuple[int, int]]:
        """The places from `start` on of which nobody brought the entry, as [from, to) ranges."""
        found: list[tuple[int, int]] = []
        for seq in range(max(start, self.base), self.head.size):
            if seq in self._items or seq in self._settled:
                continue
            if found and found[-1][1] == seq:
                found[-1] = (found[-1][0], seq + 1)
            elif len(found) == MOST_RANGES:
                break
            else:
                found.append((seq, seq + 1))
        return found

    @property
    def whole(self) -> bool:
        """Whether every place has its entry, or is named lost."""
        return len(self._items) + len(self._settled) == self.head.size - self.base

    def items(self) -> Iterator[Sequenced]:
        """All places in order; those that nobody brought as lost. Once `known`."""
        for seq, form in enumerate(self._forms or (), self.base):
            yield self._items.get(seq) or lost_item(seq, form)
