"""Logs that an alarm stopped, kept in the vault until a person decides (A3, A4, A36).

A server that lied once must not be believed again because the program was started anew, or because
the replica was set aside. The vault is sealed: nobody but its owner takes a stop out of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.lost import Losses

from cencomm_client.errors import ClientCode, LogAlarm
from cencomm_client.vault import Vault

NOTE = "stopped"  # the vault's note: rows of [log, code, row, detail, seq + 1, ms]
RESTORED = "restored"  # the vault's note: rows of [log, seq of the log.restored, from, to]
LONGEST_DETAIL = 500


def keep_stop(vault: Vault, log: LogId, alarm: LogAlarm, now_ms: int) -> None:
    """Keep the first alarm of a log, and save the vault."""
    rows = _rows(vault.notes)
    if log in rows:
        return
    rows[log] = [
        log, str(alarm.code), alarm.row, alarm.detail[:LONGEST_DETAIL], alarm.seq + 1, now_ms,
    ]  # fmt: skip
    _put(vault, rows)


def losses_of(vault: Vault, log: LogId) -> Losses:
    """What log.restored entries named, as far as the person has read them."""
    rows = vault.notes.get(RESTORED, ())
    return Losses({row[1]: range(row[2], row[3]) for row in rows if row[0] == log})


def keep_losses(vault: Vault, log: LogId, losses: Losses) -> None:
    """Keep them, and save the vault."""
    others = [row for row in vault.notes.get(RESTORED, ()) if row[0] != log]
    own = [[log, seq, places.start, places.stop] for seq, places in losses.named.items()]
    vault.put_note(RESTORED, [*others, *own])
    vault.save()


def stop_of(vault: Vault, log: LogId) -> LogAlarm | None:
    """The alarm that stopped a log, whichever process met it."""
    found = _rows(vault.notes).get(log)
    if found is None:
        return None
    _, code, row, detail, place, _ = found
    return LogAlarm(_code(str(code)), str(detail), row=str(row), log=log, seq=int(place) - 1)


def stopped_logs(vault: Vault) -> tuple[LogId, ...]:
    """Every log that is stopped."""
    return tuple(_rows(vault.notes))


def lift_stop(vault: Vault, log: LogId) -> bool:
    """Forget the stop of a log: a person decided. Whether there was one."""
    rows = _rows(vault.notes)
    if rows.pop(log, None) is None:
        return False
    _put(vault, rows)
    return True


def _put(vault: Vault, rows: Mapping[LogId, list[Value]]) -> None:
    if rows:
        vault.put_note(NOTE, list(rows.values()))
    else:
        vault.drop_note(NOTE)
    vault.save()


def _rows(notes: Mapping[str, Value]) -> dict[LogId, list[Value]]:
    return {LogId(row[0]): row for row in notes.get(NOTE, ())}


def _code(text: str) -> ClientCode:
    try:
        return ClientCode(text)
    except ValueError:  # of a newer program, or of the rules: stopped all the same
        return ClientCode.LOG_DAMAGED
