"""The end of a channel: close keys shown, and what they reach (PROTOCOL 8.8).

Once a channel is over, its close keys are revealed; with k shares they open it to auditors.
Each reveal gives all epochs before it, by prev_close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.epoch import CloseKey, EpochContext, EpochSecret
from cencomm_crypto.member.links import context_at, epoch_at, open_previous_close
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.state import OperationState


@dataclass(frozen=True, slots=True)
class Reached:
    """What a set of close keys gives in one channel."""

    keys: Mapping[int, CloseKey]  # by epoch
    broken: tuple[int, ...]  # epochs with a key whose prev_close leads nowhere, rising
    missing: tuple[int, ...]  # epochs that no key reaches, rising


def close_body(secret: EpochSecret) -> dict[str, Value]:
    """Body of a channel.close; `secret` is the current epoch's."""
    return reveal_body(secret)


def reveal_body(secret: EpochSecret) -> dict[str, Value]:
    """Body of a channel.reveal. Only once the channel is over: KC unlocks the escrow (A43)."""
    return {"n": secret.context.n, "kc": secret.close_key.key}


def verify_reveal(kc: bytes, context: EpochContext, close_commit: bytes) -> CloseKey:
    """A revealed key that proved itself (CLO-1); raises ProtocolError(BAD_COMMIT)."""
    close_key = CloseKey(kc, context)
    close_key.check(close_commit)
    return close_key


def reach(state: OperationState, chan: ChannelId, keys: Iterable[CloseKey]) -> Reached:
    """Follow prev_close from `keys` along p; good and bad epochs alike."""
    known = {key.context.n: key for key in keys}
    broken = []
    for n in sorted(state.channels[chan].epochs, reverse=True):  # p is always below n
        key, rotate = known.get(n), epoch_at(state, chan, n)
        if key is None or not rotate.p or rotate.p in known:
            continue
        try:
            known[rotate.p] = open_previous_close(state, key, rotate)
        except ProtocolError:
            broken.append(n)
    missing = [n for n in state.channels[chan].epochs if n not in known]
    return Reached(known, tuple(sorted(broken)), tuple(sorted(missing)))


def revealed(state: OperationState, chan: ChannelId) -> Reached:
    """What the reveals that stand in the log give."""
    return reach(state, chan, _shown(state, chan))


def to_reveal(
    state: OperationState, chan: ChannelId, secrets: Iterable[EpochSecret]
) -> tuple[EpochSecret, ...]:
    """Which of the epochs at hand have still to be revealed, newest first (CLO-3).

    Those that no reveal in the log and no newer one of them reaches: an epoch that a bad later
    one claims to link is a head too. Epochs whose own close_commit is false prove nothing and
    are left out. No secret may be deleted before its reveal is under a verified checkpoint.
    """
    known = dict(revealed(state, chan).keys)
    due: list[EpochSecret] = []
    for secret in sorted(secrets, key=lambda secret: secret.context.n, reverse=True):
        n = secret.context.n
        if n in known:
            continue
        if secret.close_commit == epoch_at(state, chan, n).close_commit:
            due.append(secret)
            _follow(state, chan, secret.close_key, known)
    return tuple(due)


def _follow(
    state: OperationState, chan: ChannelId, key: CloseKey, known: dict[int, CloseKey]
) -> None:
    """Add `key` to `known`, and what its prev_close and theirs give, as far as they lead.

    Each prev_close is opened once for all: the end of a long operation is no time to count
    epochs by epochs.
    """
    known[key.context.n] = key
    rotate = epoch_at(state, chan, key.context.n)
    while rotate.p and rotate.p not in known:
        try:
            key = open_previous_close(state, key, rotate)
        except ProtocolError:
            return
        known[rotate.p] = key
        rotate = epoch_at(state, chan, rotate.p)


def _shown(state: OperationState, chan: ChannelId) -> Iterable[CloseKey]:
    """The close keys in the log; `apply` has checked each against its close_commit."""
    reveals = state.channels[chan].reveals.items()
    return (CloseKey(kc, context_at(state, chan, n)) for n, kc in reveals)
