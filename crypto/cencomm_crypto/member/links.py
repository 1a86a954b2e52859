"""From the log to an epoch's context, and from one epoch to those before it (PROTOCOL 8.1, 8.3)."""

from __future__ import annotations

from collections.abc import Iterator

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import NO_EPOCH, CloseKey, EpochContext, EpochSecret
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.state import Epoch, OperationState


def epoch_at(state: OperationState, chan: ChannelId, n: int) -> Epoch:
    """Epoch `n` of a channel; raises ProtocolError(WRONG_EPOCH) if there is none."""
    epoch = state.channels[chan].epochs.get(n)
    if epoch is None:
        raise ProtocolError(ErrorCode.WRONG_EPOCH, f"the channel has no epoch {n}")
    return epoch


def context_at(state: OperationState, chan: ChannelId, n: int) -> EpochContext:
    """Context of an accepted epoch."""
    p = epoch_at(state, chan, n).p
    return EpochContext(state.id16, chan, n, epoch_at(state, chan, p).commit if p else NO_EPOCH)


def open_previous_epoch(state: OperationState, secret: EpochSecret, rotate: Epoch) -> EpochSecret:
    """E(p) from the prev_link of the secret's own rotate.

    Raises ProtocolError: NO_EPOCH_KEY where there is no link (A20), CANNOT_OPEN or BAD_COMMIT
    where it does not lead to E(p).
    """
    sealed = rotate.body.get("prev_link")
    if sealed is None:
        raise ProtocolError(ErrorCode.NO_EPOCH_KEY, f"epoch {rotate.n} links no earlier one")
    chan, p = secret.context.chan, rotate.p
    return secret.open_link(sealed, context_at(state, chan, p), epoch_at(state, chan, p).commit)


def open_previous_close(state: OperationState, close_key: CloseKey, rotate: Epoch) -> CloseKey:
    """KC(p) from the prev_close of the key's own rotate; every member can, also a joiner.

    Raises ProtocolError: NO_EPOCH_KEY for an epoch without a previous one, CANNOT_OPEN or
    BAD_COMMIT where it does not lead to KC(p).
    """
    sealed = rotate.body.get("prev_close")
    if sealed is None:
        raise ProtocolError(ErrorCode.NO_EPOCH_KEY, f"epoch {rotate.n} has no earlier one")
    chan, p = close_key.context.chan, rotate.p
    before = epoch_at(state, chan, p)
    return close_key.open_previous(sealed, context_at(state, chan, p), before.close_commit)


def earlier_epochs(state: OperationState, secret: EpochSecret) -> Iterator[EpochSecret]:
    """The epochs that `secret` gives by prev_link, newest first; ends where no link opens (A20)."""
    while True:
        rotate = epoch_at(state, secret.context.chan, secret.context.n)
        try:
            secret = open_previous_epoch(state, secret, rotate)
        except ProtocolError:
            return
        yield secret
