"""Hands a server back what a restore from backup lost: the signed head, its leaves, whole entries.

Nothing here is judged: what the replica holds was verified when it came, and the server takes only
what rebuilds the head that it signed itself (A50, ADR 0025).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.tail import MAX_FORMS, MAX_ITEMS, TailPart, form_of
from cencomm_crypto.public.wire import WHOLE, decode_sequenced

from cencomm_client.answers import Standing
from cencomm_client.errors import NotFound
from cencomm_client.replica import Replica
from cencomm_client.root.loss_report import Gap

FORMS_AT_ONCE = MAX_FORMS // 56


class Taker(Protocol):
    """What takes tails back; `transport.Transport` is one."""

    async def tail(self, log: LogId, part: TailPart) -> Standing:
        """Say what this device holds of a log, and hear what the server wants of it."""


async def hand_back(
    taker: Taker, replica: Replica, log: LogId, notes: Sequence[bytes] = ()
) -> Standing:
    """Hand over all that the server lacks and this device holds; how the log stands then.

    `notes`: signed heads beyond the replica's own, which prove what was signed without showing it.
    Raises TransportError or Refused.
    """
    standing = Standing(0, 0, 0, ())
    for proof in notes:
        standing = await tell(taker, replica, log, proof)
    note = replica.note(log)
    if note is None:
        return standing
    standing = await tell(taker, replica, log, note)
    size = replica.size(log)
    while standing.size <= standing.wanted < standing.signed == size:
        wanted = standing.wanted
        forms = _forms(replica, log, wanted)
        standing = await taker.tail(log, TailPart(note, wanted, forms))
        if standing.wanted <= wanted:
            break
    if standing.wanted == standing.signed > standing.size:
        await _bring_entries(taker, replica, log, note)
    return await taker.tail(log, TailPart(note))


async def tell(taker: Taker, replica: Replica, log: LogId, note: bytes) -> Standing:
    """Say that this head was signed; with the genesis, where the server does not know the log."""
    try:
        return await taker.tail(log, TailPart(note))
    except NotFound:
        genesis = next(replica.items(log, 0, 1), b"")
        return await taker.tail(log, TailPart(note, items=genesis))


async def gaps(taker: Taker, replica: Replica, log: LogId) -> tuple[Gap, ...]:
    """The places that nobody has handed back whole, as this device's replica knows their forms.

    Call after `hand_back`. Empty where nothing lacks; places that the replica does not reach are
    left out. Raises TransportError or Refused.
    """
    note, size, found = replica.note(log), replica.size(log), list[Gap]()
    place = 0
    while note is not None and place < size:
        standing = await taker.tail(log, TailPart(note, place))
        if standing.size == standing.signed or not standing.lacks:
            break
        for start, end in standing.lacks:
            if (start := max(start, place)) < (end := min(end, size)):
                found.append(Gap(start, tuple(_each_form(replica, log, start, end))))
        place = max(place + 1, standing.lacks[-1][1])
    return tuple(found)


async def _bring_entries(taker: Taker, replica: Replica, log: LogId, note: bytes) -> None:
    """Send every whole entry that the server lacks, once, in the order of the log."""
    place, size, items = 0, replica.size(log), b""
    while place < size:
        standing = await taker.tail(log, TailPart(note, place, b"", items))
        if standing.size == standing.signed or not standing.lacks:
            return
        items, place = _items(replica, log, place, standing.lacks)
    if items:
        await taker.tail(log, TailPart(note, place, b"", items))


def _forms(replica: Replica, log: LogId, start: int) -> bytes:
    return b"".join(_each_form(replica, log, start, start + FORMS_AT_ONCE))


def _each_form(replica: Replica, log: LogId, start: int, end: int) -> Iterator[bytes]:
    return (form_of(decode_sequenced(data)) for data in replica.items(log, start, end))


def _items(
    replica: Replica, log: LogId, place: int, lacks: Sequence[tuple[int, int]]
) -> tuple[bytes, int]:
    """Whole items of these places from `place` on, as many as go at once; and where to go on."""
    found: list[bytes] = []
    weight = 0
    for start, end in lacks:
        for seq, data in enumerate(replica.items(log, max(start, place), end), max(start, place)):
            if data[1] != WHOLE:
                continue
            if found and weight + len(data) > MAX_ITEMS:
                return b"".join(found), seq
            found.append(data)
            weight += len(data)
    return b"".join(found), max(place + 1, lacks[-1][1])
