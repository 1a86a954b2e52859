"""log.restored in an operation: entries that a restore from backup lost for good (A50).

Judged on the governance root's signatures alone, whoever posts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cencomm_crypto.public.directory.root_signatures import (
    check_governance_signatures,
    check_serial,
)
from cencomm_crypto.public.directory.state import DirectoryState, Restored
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.history import Roots
from cencomm_crypto.public.lost import named_places
from cencomm_crypto.public.operation.state import OperationState


def restore(
    state: OperationState,
    seq: int,
    entry: Entry,
    body: Mapping[str, Value],
    directory: DirectoryState,
    roots: Roots,
) -> OperationState:
    """The state with the named places noted, and every channel bound to rotate first (RES-1).

    The caller has verified the poster's signature.
    """
    serial = check_serial(state.restored[-1].serial if state.restored else 0, body)
    check_governance_signatures(directory.governance, directory.id32, body)
    places = named_places(body, state.id16, entry.header.seen.size, roots)
    channels = state.channels
    for channel in state.channels.values():  # a control entry that was lost may end any epoch
        if channel.epochs:
            channels = channels.insert(channel.id, replace(channel, lost=True))
    restored = Restored(seq, places.start, places.stop, serial)
    return replace(state, channels=channels, restored=(*state.restored, restored))
