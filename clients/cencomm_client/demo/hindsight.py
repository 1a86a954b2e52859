"""What a removed member can still do: every key of its vault against every byte of the server.

Goes further than any client would: tries each box key on each wrap, whoever it is for, and each
secret on each message, whatever epoch it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import NO_EPOCH, EpochContext, EpochSecret
from cencomm_crypto.member.message import message_key, open_bytes
from cencomm_crypto.member.wrap import WRAP_SIZE, open_wrap
from cencomm_crypto.public.encoding import decode
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.wire import Sequenced, decode_sequenced, split_sequence

_MAX_RECORD = 64 * 1024 * 1024
_ENTRY, _WRAPS, _GRANT = 1, 2, 3


@dataclass(slots=True)
class Dump:
    """One log out of `cencomm-server export`."""

    items: list[Sequenced] = field(default_factory=list)
    wraps: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, log: bytes) -> Dump:
        """Entries, wraps, share wraps and granted wraps of one log (docs/api.md, The export)."""
        dump = cls()
        for record in split_sequence(path.read_bytes(), max_item=_MAX_RECORD):
            value = decode(record, max_size=_MAX_RECORD)
            if not isinstance(value, list) or value[1] != log:
                continue
            if value[0] == _ENTRY:
                dump.items.append(decode_sequenced(value[2]))
            elif value[0] in (_WRAPS, _GRANT):
                for data in value[5:]:
                    size = len(data) - len(data) % WRAP_SIZE
                    dump.wraps += [data[at : at + WRAP_SIZE] for at in range(0, size, WRAP_SIZE)]
        return dump


def open_everything(
    known: Iterable[tuple[ChannelId, int, bytes]],
    box_keys: Iterable[BoxKey],
    dump: Dump,
    log: LogId,
    seqs: list[int],
) -> dict[str, Any]:
    """Try it all; `known` are (channel, n, E) of the vault.

    Reports for each place in `seqs` the code, and how many other messages opened.
    """
    rotates = dict(_rotates(dump, log))
    secrets = [
        EpochSecret(value, rotates[chan, n][0]) for chan, n, value in known if (chan, n) in rotates
    ]
    keys = list(box_keys)
    for context, commit in rotates.values():
        secrets += _from_wraps(dump.wraps, keys, context, commit)
    opened = {item.seq for item in dump.items if _opens(item, secrets)}
    return {
        "tried": [
            {"seq": seq, "code": "opened" if seq in opened else str(ErrorCode.NO_EPOCH_KEY)}
            for seq in seqs
        ],
        "opened_before": len(opened - set(seqs)),
        "wraps_tried": len(dump.wraps) * len(rotates) * len(keys),
        "secrets": len(secrets),
    }


def _rotates(
    dump: Dump, log: LogId
) -> Iterator[tuple[tuple[ChannelId, int], tuple[EpochContext, bytes]]]:
    commits: dict[tuple[ChannelId, int], bytes] = {}
    for item in dump.items:
        entry = item.entry
        if entry is None or entry.body is None or entry.header.type != "channel.rotate":
            continue
        chan, n = entry.header.chan, entry.header.epoch
        if chan is None or n is None:
            continue
        previous = commits.get((chan, entry.body["p"]), NO_EPOCH)
        commits[chan, n] = entry.body["commit"]
        yield (chan, n), (EpochContext(log, chan, n, previous), entry.body["commit"])


def _from_wraps(
    wraps: list[bytes], keys: list[BoxKey], context: EpochContext, commit: bytes
) -> Iterator[EpochSecret]:
    for wrap in wraps:
        for key in keys:
            try:
                yield open_wrap(wrap, key, context, commit)
            except ProtocolError:
                continue


def _opens(item: Sequenced, secrets: list[EpochSecret]) -> bool:
    entry = item.entry
    if entry is None or entry.body_bytes is None or entry.header.type != "message":
        return False
    for secret in secrets:
        try:
            open_bytes(message_key(secret, entry.header_hash), entry.header_hash, entry.body_bytes)
        except ProtocolError:
            continue
        return True
    return False
