"""The epoch secrets of one operation on this device: found, linked back, judged, kept.

Secrets live in the vault and nowhere else. Nothing is believed: a wrap counts only if it opens
to what the rotate in the verified log commits to, a link likewise (EPO-1, WRAP-1). Fetches
nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.flag import FlagReason, RotationMismatch
from cencomm_crypto.member.grant import check_grant
from cencomm_crypto.member.links import context_at, earlier_epochs
from cencomm_crypto.member.rotation import check_rotation
from cencomm_crypto.member.wrap import open_wrap
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.history import DirectoryHistory
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState

from cencomm_client.automation.standing import Verdict
from cencomm_client.vault import Vault


@dataclass(frozen=True, slots=True)
class Judged:
    """What this device found in one epoch: the verdict, and which part did not recompute."""

    verdict: Verdict
    reason: FlagReason | None = None


class Keyring:
    """Secrets and verdicts of one operation; the vault is saved by whoever calls."""

    def __init__(self, vault: Vault, log: LogId) -> None:
        self._vault, self._log = vault, log
        self._opened: dict[tuple[ChannelId, int], EpochSecret] = {}
        self._judged: dict[tuple[ChannelId, int], Judged] = {}
        self.bad_grants: set[tuple[ChannelId, int, DeviceId]] = set()

    def begin_anew(self) -> None:
        """Forget what was opened and judged: epochs of the same number may be others now (A50)."""
        self._opened.clear()
        self._judged.clear()
        self.bad_grants.clear()

    def secret(self, state: OperationState, chan: ChannelId, n: int) -> EpochSecret | None:
        """The secret of an epoch, if this device has it and the log commits to it."""
        found = self._opened.get((chan, n))
        if found is not None:
            return found
        epoch = state.channels[chan].epochs.get(n)
        if epoch is not None:
            kept = self._vault.epoch_secret(self._log, chan, n)
            if kept is None:
                return None
            candidate = EpochSecret(kept, context_at(state, chan, n))
            try:
                candidate.check(epoch.commit)
            except ProtocolError:
                return None
            found = self._opened[chan, n] = candidate
        return found

    def secrets(self, state: OperationState, chan: ChannelId) -> tuple[EpochSecret, ...]:
        """All secrets of a channel that are here, oldest first."""
        found = (self.secret(state, chan, n) for n in sorted(state.channels[chan].epochs))
        return tuple(secret for secret in found if secret is not None)

    def held(self, state: OperationState, chan: ChannelId) -> frozenset[int]:
        """Epochs of which this device has the secret."""
        return frozenset(secret.context.n for secret in self.secrets(state, chan))

    def newest_good(self, state: OperationState, chan: ChannelId) -> EpochSecret | None:
        """What the next rotate links: the newest epoch that opens and recomputes (A18)."""
        for secret in reversed(self.secrets(state, chan)):
            if self.judged(chan, secret.context.n).verdict is Verdict.GOOD:
                return secret
        return None

    def missing(self, channel: Channel, state: OperationState) -> tuple[int, ...]:
        """Epochs that were wrapped or granted to this device and are not here, newest first."""
        device = self._vault.device
        return tuple(
            n
            for n in sorted(channel.epochs, reverse=True)
            if channel.epochs[n].received(device) and self.secret(state, channel.id, n) is None
        )

    def keep(self, state: OperationState, secret: EpochSecret) -> tuple[int, ...]:
        """Keep a secret and all that its links lead back to; the epochs that are new here."""
        chan = secret.context.chan
        new: list[int] = []
        for found in (secret, *earlier_epochs(state, secret)):
            n = found.context.n
            if self.secret(state, chan, n) is None:
                self._vault.put_epoch_secret(self._log, chan, n, found.secret)
                self._opened[chan, n] = found
                new.append(n)
        return tuple(new)

    def learn(self, state: OperationState, chan: ChannelId, n: int, wrap: bytes) -> tuple[int, ...]:
        """Open what the server gave as this device's wrap of epoch `n`, with each box key.

        Raises ProtocolError(CANNOT_OPEN) if none opens it to the committed secret; the epoch is
        then judged bad: this device cannot use it.
        """
        failure: ProtocolError | None = None
        context, commit = context_at(state, chan, n), state.channels[chan].epochs[n].commit
        for key in self._vault.box_keys:
            try:
                new = self.keep(state, open_wrap(wrap, key, context, commit))
                if self.judged(chan, n).reason is FlagReason.OWN_WRAP:
                    del self._judged[chan, n]  # an earlier wrap did not open; this one does
                return new
            except ProtocolError as error:
                failure = error
        self._judged[chan, n] = Judged(Verdict.BAD, FlagReason.OWN_WRAP)
        assert failure is not None  # noqa: S101 - a vault has a box key
        raise failure

    def judged(self, chan: ChannelId, n: int) -> Judged:
        """The verdict on an epoch; NO_KEY before `judge`."""
        return self._judged.get((chan, n)) or Judged(Verdict.NO_KEY)

    def judge(
        self, state: OperationState, chan: ChannelId, n: int, history: DirectoryHistory
    ) -> Judged:
        """Recompute everything in the rotate of epoch `n` (ROT-4, A18, A22, ESC-1)."""
        secret = self.secret(state, chan, n)
        if secret is None:
            return Judged(Verdict.NO_KEY)
        epoch = state.channels[chan].epochs[n]
        previous = self.secret(state, chan, epoch.p) if epoch.p else None
        try:
            check_rotation(epoch, state, history.at(epoch.watermark), secret, previous)
            found = Judged(Verdict.GOOD)
        except RotationMismatch as mismatch:
            found = Judged(Verdict.BAD, mismatch.reason)
        self._judged[chan, n] = found
        return found

    def unjudged(self, state: OperationState, chan: ChannelId) -> Iterator[int]:
        """Epochs that matter and that nobody judged yet, newest first.

        The current one is judged before anything is sealed; older ones only while none newer is
        good: the next rotate links the newest good one.
        """
        for secret in reversed(self.secrets(state, chan)):
            verdict = self.judged(chan, secret.context.n).verdict
            if verdict is Verdict.GOOD:
                return
            if verdict is Verdict.NO_KEY:
                yield secret.context.n

    def judge_grant(
        self, state: OperationState, chan: ChannelId, body: Mapping[str, Value]
    ) -> bool:
        """Recompute somebody's grant where its epoch is held (A44); False if it is wrong."""
        secret = self.secret(state, chan, body["n"])
        place = (chan, body["n"], DeviceId(body["device"]))
        if secret is None:
            return True
        try:
            check_grant(body, secret)
        except ProtocolError:
            self.bad_grants.add(place)
            return False
        self.bad_grants.discard(place)
        return True

    def forget(self, chan: ChannelId, n: int) -> None:
        """Delete a secret; only for what `closing.forgettable` names."""
        self._opened.pop((chan, n), None)
        self._vault.forget_epoch_secret(self._log, chan, n)
