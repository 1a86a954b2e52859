"""log.restored in an operation: entries that a restore from backup lost for good (A50).

Judged on the governance root's signatures alone, whoever posts it. The signed body names no
log; its leaves do: `replay` holds them against the tree, which another log's do not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.root_signatures import check_governance_signatures
from cencomm_crypto.public.directory.state import DirectoryState, Restored
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ID_SIZE, ChannelId
from cencomm_crypto.public.operation.act import bad_value
from cencomm_crypto.public.operation.state import OperationState

_SCOPE = slice(8, 8 + ID_SIZE)  # of a leaf's 56 bytes: u64 at || scope || inner


def restore(
    state: OperationState,
    seq: int,
    entry: Entry,
    body: Mapping[str, Value],
    directory: DirectoryState,
) -> OperationState:
    """The state with the named places noted, and their channels bound to rotate first.

    The caller has verified the poster's signature.
    """
    serial = len(state.restored) + 1
    if body["serial"] != serial:
        raise RuleViolation(
            ErrorCode.BAD_SERIAL, f"serial {body['serial']} read, {serial} expected in this log"
        )
    check_governance_signatures(directory.governance, directory.id32, body)
    start, end, leaves = body["from"], body["to"], tuple(body["leaves"])
    if not 1 <= start < end <= entry.header.seen.size:
        raise bad_value(
            f"entries {start} to {end} read; 1 <= from < to <= {entry.header.seen.size} expected"
        )
    if len(leaves) != end - start:
        raise RuleViolation(
            ErrorCode.BAD_COUNT, f"{len(leaves)} leaves read, {end - start} expected"
        )
    channels = state.channels
    for leaf in leaves:
        channel = channels.get(ChannelId(leaf[_SCOPE]))
        if channel is not None:
            channels = channels.insert(channel.id, replace(channel, lost=True))
    restored = Restored(seq, start, end, leaves)
    return replace(state, channels=channels, restored=(*state.restored, restored))
