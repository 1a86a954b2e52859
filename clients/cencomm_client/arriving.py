"""What a server sent, before any rule is asked: read, in order, not rewritten, not from the future.

Whatever is wrong here is the server's doing, and has a name: it may hold none of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import (
    ERASED,
    Sequenced,
    decode_sequenced,
    encode_sequenced,
    split_sequence,
)

from cencomm_client.errors import ROW_OF_REJECTION, ClientCode, LogAlarm, NewerProtocol

MAX_AHEAD_MS = 5 * 60 * 1000  # a client stops at `at` beyond its own clock plus this (DESIGN 3)
NEWER = frozenset({ErrorCode.UNKNOWN_VERSION, ErrorCode.UNKNOWN_TYPE})


def decode_items(data: bytes, log: LogId) -> list[Sequenced]:
    """Read the items of a page or push; raises NewerProtocol (A28) or LogAlarm (A14, A39)."""
    items: list[Sequenced] = []
    piece = b""
    try:
        for piece in split_sequence(data):
            items.append(decode_sequenced(piece))
    except ProtocolError as error:
        if error.code in NEWER:
            raise NewerProtocol(
                f"log {log.hex()}: {error.detail}; this program is too old to read on"
            ) from error
        raise LogAlarm(
            ClientCode.LOG_DAMAGED,
            f"an item that no server may hold: {error}",
            row="A49" if _bodiless(piece) else ROW_OF_REJECTION.get(error.code, "A4"),
            log=log,
            evidence=(piece,),
        ) from error
    return items


def _bodiless(piece: bytes) -> bool:
    """Whether an item that was refused is one in the form of an erased entry: only messages and
    drops may come in it."""
    return piece[:2] == bytes((0x86, ERASED))


def expect_next(items: Sequence[Sequenced], log: LogId, tree: Tree) -> list[Sequenced]:
    """Drop what `tree` has already, after comparing leaves (A4, A36); the rest has no gap."""
    size = tree.size
    fresh: list[Sequenced] = []
    for item in items:
        if item.seq < size:
            expect_same(item, log, tree)
        elif item.seq == size + len(fresh):
            fresh.append(item)
        elif item.seq < size + len(fresh):
            if item.leaf != fresh[item.seq - size].leaf:
                what = f"item {item.seq} was sent twice with different content"
                other = fresh[item.seq - size]
                raise _alarm(ClientCode.LOG_REWRITTEN, what, "A4", log, item, other)
        else:
            what = f"item {item.seq} read where {size + len(fresh)} was expected"
            raise _alarm(ClientCode.LOG_GAP, what, "A6", log, item)
    return fresh


def expect_same(item: Sequenced, log: LogId, tree: Tree) -> None:
    """Raise an alarm where an item is not the one that `tree` has in its place (A4)."""
    if item.leaf != tree.leaf(item.seq):
        what = f"item {item.seq} differs from the one verified before"
        raise _alarm(ClientCode.LOG_REWRITTEN, what, "A4", log, item)


def expect_past(items: Sequence[Sequenced], log: LogId, now: int) -> None:
    """No item's `at` is ahead of this device's clock (A6, A43)."""
    for item in items:
        if item.at > now + MAX_AHEAD_MS:
            what = (
                f"item {item.seq} is {(item.at - now) // 1000} s ahead of this device's clock,"
                f" at most {MAX_AHEAD_MS // 1000} s are taken"
            )
            raise _alarm(ClientCode.CLOCK_AHEAD, what, "A43", log, item)


def _alarm(
    code: ClientCode, what: str, row: str, log: LogId, item: Sequenced, *others: Sequenced
) -> LogAlarm:
    """The alarm about an item, which is its own evidence."""
    evidence = tuple(map(encode_sequenced, (item, *others)))
    return LogAlarm(code, what, row=row, log=log, seq=item.seq, evidence=evidence)
