"""log.restored in an operation: entries that a restore from backup lost for good (A50).

Judged on the governance root's signatures alone, whoever posts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.root_signatures import check_governance_signatures
from cencomm_crypto.public.directory.state import DirectoryState, Restored
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.history import Roots
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.lost import named_places, scope_of
from cencomm_crypto.public.operation.state import OperationState


def restore(
    state: OperationState,
    seq: int,
    entry: Entry,
    body: Mapping[str, Value],
    directory: DirectoryState,
    roots: Roots,
) -> OperationState:
    """The state with the named places noted, and their channels bound to rotate first (RES-1).

    The caller has verified the poster's signature.
    """
    serial = len(state.restored) + 1
    if body["serial"] != serial:
        raise RuleViolation(
            ErrorCode.BAD_SERIAL, f"serial {body['serial']} read, {serial} expected in this log"
        )
    check_governance_signatures(directory.governance, directory.id32, body)
    places = named_places(body, state.id16, entry.header.seen.size, roots)
    channels = state.channels
    for leaf in body["leaves"]:
        channel = channels.get(ChannelId(scope_of(leaf)))
        if channel is not None:
            channels = channels.insert(channel.id, replace(channel, lost=True))
    restored = Restored(seq, places.start, places.stop)
    return replace(state, channels=channels, restored=(*state.restored, restored))
