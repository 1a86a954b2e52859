"""What a person reads of a log that a restore left with gaps, before it goes on (A50).

A log.restored that it has not read yet stops a log, as do lost places that none names.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from cencomm_client.errors import ClientCode, LogAlarm

Log = DirectoryLog | OperationLog
SHOWN = 5  # gaps that one sentence names


def restores(item: Sequenced) -> bool:
    """Whether this is the governance root's word for what was lost."""
    return item.entry is not None and item.entry.header.type == "log.restored"


def not_read(log: Log, log_id: LogId, items: Sequence[Sequenced]) -> LogAlarm:
    """The alarm for a log.restored, the first of `items`, that nobody has read here yet.

    Those that stand directly behind it are told with it: one restore, one decision. None of them
    is judged before the person has read them (PROTOCOL 11.2).
    """
    told = list(takewhile(restores, items))
    bodies = [item.entry.body or {} for item in told if item.entry is not None]
    places = ", ".join(f"entries {body['from']} to before {body['to']}" for body in bodies[:SHOWN])
    if len(bodies) > SHOWN:
        places += f" and of {len(bodies) - SHOWN} more gaps"
    warnings = dict.fromkeys(_by_whom(log, item) for item in told)
    return LogAlarm(
        ClientCode.LOG_RESTORED,
        f"the governance root says that {places} are lost for good; they and what was built on"
        f" them count for nothing{''.join(warnings)}",
        row="A50",
        log=log_id,
        seq=told[0].seq,
        evidence=tuple(map(encode_sequenced, told)),
    )


def expect_named(log: Log, log_id: LogId, size: int) -> None:
    """Raise an alarm if places below `size` are lost and no log.restored names them (RES-2)."""
    unnamed = [seq for seq in log.unnamed if seq < size]
    if unnamed:
        raise LogAlarm(
            ClientCode.ENTRIES_LOST,
            f"{len(unnamed)} entries are lost, from {unnamed[0]}, and no log.restored by the"
            " governance root names them",
            row="A50",
            log=log_id,
            seq=unnamed[0],
        )


def _by_whom(log: Log, item: Sequenced) -> str:
    """A warning where the root that signed is not the directory's present one: its keys may have
    been replaced because they were stolen."""
    head = None if item.entry is None else item.entry.header.dir
    if not isinstance(log, OperationLog) or head is None:
        return ""
    newest = log.directory.at(log.directory.size)
    named = log.directory.at(min(head.size, log.directory.size))
    if newest.governance.is_another_than(named.governance):
        return "; BUT the root that signed this has been replaced since: ask before you go on"
    return ""
