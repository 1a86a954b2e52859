"""Own entries that the server acknowledged, until this device has read them back.

Sealed bytes, as they were sent. Should the server lose them in between, nobody but their author
may be left to hand them back (A50).
"""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import LogId

from cencomm_client.vault import Vault

NOTE = "unread"  # the vault's note: rows of [log, seq, encoded item]
MOST = 64  # rows; who reads on has a few


def keep_unread(vault: Vault, log: LogId, seq: int, item: bytes) -> None:
    """Keep the item at its place; the oldest goes where there are too many."""
    others = [row for row in _rows(vault) if (row[0], row[1]) != (log, seq)]
    vault.put_note(NOTE, [*others, [log, seq, item]][-MOST:])


def unread_of(vault: Vault, log: LogId) -> Mapping[int, bytes]:
    """Place -> encoded item, of one log."""
    return {row[1]: row[2] for row in _rows(vault) if row[0] == log}


def drop_read(vault: Vault, log: LogId, size: int) -> None:
    """Forget those of a log before `size`: the replica holds them."""
    rows = _rows(vault)
    kept = [row for row in rows if row[0] != log or row[1] >= size]
    if len(kept) < len(rows):
        vault.put_note(NOTE, kept)


def _rows(vault: Vault) -> list[list[Value]]:
    return list(vault.notes.get(NOTE, ()))
