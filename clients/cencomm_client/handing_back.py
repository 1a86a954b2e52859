"""Hands a server back what a restore from backup lost: the signed head, its leaves, whole entries.

Nothing here is judged: what is held was verified when it came, and the server takes only what
rebuilds the head that it signed itself (A50, ADR 0025).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.tail import MAX_FORMS, MAX_ITEMS, TailPart, form_of
from cencomm_crypto.public.wire import WHOLE, decode_sequenced

from cencomm_client.answers import Standing
from cencomm_client.errors import NotFound
from cencomm_client.replica import Replica
from cencomm_client.root.loss_report import Gap
from cencomm_client.signed_heads import HeadNote

FORMS_AT_ONCE = MAX_FORMS // 56


class Taker(Protocol):
    """What takes tails back; `transport.Transport` is one."""

    async def tail(self, log: LogId, part: TailPart) -> Standing:
        """Say what this device holds of a log, and hear what the server wants of it."""


class Holding:
    """What this device holds of one log: the replica, and own entries behind it (`unread`).

    `size` places are held without a gap under `note`, the newest signed head that reaches no
    further; None where nothing is.
    """

    def __init__(
        self,
        replica: Replica,
        log: LogId,
        unread: Mapping[int, bytes] | None = None,
        heads: Sequence[HeadNote] = (),
    ) -> None:
        """`heads`: signed ones beyond the replica's, smallest first."""
        self.log = log
        self._replica, self._unread = replica, dict(sorted((unread or {}).items()))
        self._read = replica.size(log)
        self.size, self.note = self._read, replica.note(log)
        reach = self._read
        while reach in self._unread:
            reach += 1
        for head in heads:
            if self.size < head.size <= reach:
                self.size, self.note = head.size, head.note

    @property
    def end(self) -> int:
        """The first place behind all that is held, gaps before it or not."""
        return max([self._read, *(seq + 1 for seq in self._unread)])

    def items(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Places that are held from `start` to before `end`, each with its item."""
        yield from enumerate(self._replica.items(self.log, start, min(end, self._read)), start)
        for seq, data in self._unread.items():
            if max(start, self._read) <= seq < end:
                yield seq, data

    def forms(self, start: int, end: int) -> Iterator[bytes]:
        """The 56-byte forms of these places."""
        return (form_of(decode_sequenced(data)) for _, data in self.items(start, end))


async def hand_back(taker: Taker, holding: Holding, heads: Sequence[HeadNote] = ()) -> Standing:
    """Hand over all that the server lacks and this device holds; how the log stands then.

    `heads`: signed heads, which prove what was signed without showing it. Raises TransportError
    or Refused.
    """
    standing, log, note = Standing(0, 0, 0, ()), holding.log, holding.note
    for head in heads:
        standing = await tell(taker, holding, head.note)
    if note is None:
        return standing
    standing = await tell(taker, holding, note)
    while standing.size <= standing.wanted < standing.signed == holding.size:
        wanted = standing.wanted
        forms = b"".join(holding.forms(wanted, min(wanted + FORMS_AT_ONCE, holding.size)))
        standing = await taker.tail(log, TailPart(note, wanted, forms))
        if standing.wanted <= wanted:
            break
    if standing.wanted == standing.signed > standing.size:
        await _bring_entries(taker, holding, note)
    return await taker.tail(log, TailPart(note))


async def tell(taker: Taker, holding: Holding, note: bytes) -> Standing:
    """Say that this head was signed; with the genesis, where the server does not know the log."""
    try:
        return await taker.tail(holding.log, TailPart(note))
    except NotFound:
        genesis = b"".join(data for _, data in holding.items(0, 1))
        return await taker.tail(holding.log, TailPart(note, items=genesis))


async def gaps(taker: Taker, holding: Holding) -> tuple[Gap, ...]:
    """The places that nobody has handed back whole, as this device knows their forms.

    Call after `hand_back`. Empty where nothing lacks; places beyond what is held without a gap
    are left out. Raises TransportError or Refused.
    """
    found, place = list[Gap](), 0
    while holding.note is not None and place < holding.size:
        standing = await taker.tail(holding.log, TailPart(holding.note, place))
        if standing.size == standing.signed or not standing.lacks:
            break
        for start, end in standing.lacks:
            if (start := max(start, place)) < (end := min(end, holding.size)):
                found.append(Gap(start, tuple(holding.forms(start, end))))
        place = max(place + 1, standing.lacks[-1][1])
    return tuple(found)


async def _bring_entries(taker: Taker, holding: Holding, note: bytes) -> None:
    """Send every whole entry that the server lacks, once, in the order of the log."""
    place, items = 0, b""
    while place < holding.end:
        standing = await taker.tail(holding.log, TailPart(note, place, b"", items))
        if standing.size == standing.signed or not standing.lacks:
            return
        items, place = _items(holding, place, standing.lacks)
    if items:
        await taker.tail(holding.log, TailPart(note, place, b"", items))


def _items(holding: Holding, place: int, lacks: Sequence[tuple[int, int]]) -> tuple[bytes, int]:
    """Whole items of these places from `place` on, as many as go at once; and where to go on."""
    found: list[bytes] = []
    weight = 0
    for start, end in lacks:
        for seq, data in holding.items(max(start, place), end):
            if data[1] != WHOLE:
                continue
            if found and weight + len(data) > MAX_ITEMS:
                return b"".join(found), seq
            found.append(data)
            weight += len(data)
    return b"".join(found), max(place + 1, lacks[-1][1])
