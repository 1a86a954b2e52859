"""The epoch: one secret per rotate, and every key that comes from it (PROTOCOL 8.1).

An epoch key is bound to suite, log, channel, number and previous epoch (A7); commitments make
one ciphertext open under one secret only (A9).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.sealing import open_once, seal_once
from cencomm_crypto.public.entry import SUITE
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import equal, kdf, keyed, sha256, u16, u64

SECRET_SIZE = 32
NO_EPOCH = bytes(32)  # stands for the commit of p where there is no previous epoch
_MESSAGES, _PREVIOUS_LINK, _DROPS = 1, 2, 3  # subkeys of K


@dataclass(frozen=True)
class EpochContext:
    """What an epoch is of: c = u16 suite || log[16] || chan[16] || u64 n || commit of p[32]."""

    log: LogId
    chan: ChannelId
    n: int  # from 1
    previous_commit: bytes = NO_EPOCH
    suite: int = SUITE

    @cached_property
    def encoded(self) -> bytes:
        """c, 74 bytes."""
        return u16(self.suite) + self.log + self.chan + u64(self.n) + self.previous_commit

    @cached_property
    def digest(self) -> bytes:
        """H(c), 32 bytes."""
        return sha256(self.encoded)


@dataclass(frozen=True)
class EpochSecret:
    """E of one epoch with its context, and what is derived from both; nothing shows in a repr."""

    secret: bytes = field(repr=False)  # E, 32 random bytes drawn for this one rotate (EPO-2)
    context: EpochContext

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_SIZE:
            raise ProtocolError(
                ErrorCode.BAD_COMMIT,
                f"an epoch secret of {len(self.secret)} bytes, {SECRET_SIZE} expected",
            )

    @cached_property
    def commit(self) -> bytes:
        """B(E, "commit", c): public, in the rotate."""
        return self.derive("commit")

    @cached_property
    def message_key(self) -> bytes:
        """K1, from which each message's key comes; secret."""
        return kdf(self._epoch_key, _MESSAGES)

    @cached_property
    def link_key(self) -> bytes:
        """K2, which seals E(p) in prev_link; secret."""
        return kdf(self._epoch_key, _PREVIOUS_LINK)

    @cached_property
    def drop_keys(self) -> BoxKey:
        """The pair whose public half bots seal to."""
        return BoxKey.from_seed(kdf(self._epoch_key, _DROPS))

    @cached_property
    def close_key(self) -> CloseKey:
        """KC: secret until the channel is over, then revealed."""
        return CloseKey(self.derive("close-key"), self.context)

    @property
    def close_commit(self) -> bytes:
        """B(KC, "close", c): public, in the rotate."""
        return self.close_key.commit

    @cached_property
    def audit_secret(self) -> bytes:
        """S = B(E, "audit", c), split among the auditors; secret."""
        return self.derive("audit")

    @cached_property
    def _epoch_key(self) -> bytes:
        return self.derive("epoch")

    def derive(self, label: str, *parts: bytes) -> bytes:
        """B(E, label, c || parts)."""
        return keyed(self.secret, label, self.context.encoded, *parts)

    def check(self, commit: bytes) -> None:
        """EPO-1 against a rotate's commit; raises ProtocolError(BAD_COMMIT)."""
        if not equal(self.commit, commit):
            raise ProtocolError(
                ErrorCode.BAD_COMMIT, "the epoch secret is not the one that the rotate commits to"
            )

    def seal_link(self, previous: EpochSecret) -> bytes:
        """prev_link = once(K2, H(c), E(p)); 48 bytes."""
        return seal_once(self.link_key, self.context.digest, previous.secret)

    def open_link(self, sealed: bytes, previous: EpochContext, commit: bytes) -> EpochSecret:
        """E(p) from prev_link, checked against the commit of epoch p.

        Raises ProtocolError: CANNOT_OPEN where the bytes do not open, BAD_COMMIT where what
        they hold is not E(p) (EPO-1).
        """
        opened = EpochSecret(open_once(self.link_key, self.context.digest, sealed), previous)
        opened.check(commit)
        return opened


@dataclass(frozen=True)
class CloseKey:
    """KC of one epoch: proves itself against close_commit, unlocks prev_close and the escrow."""

    key: bytes = field(repr=False)
    context: EpochContext

    @cached_property
    def commit(self) -> bytes:
        """B(KC, "close", c)."""
        return keyed(self.key, "close", self.context.encoded)

    @cached_property
    def _previous_key(self) -> bytes:
        return keyed(self.key, "prev-close", self.context.encoded)

    def check(self, close_commit: bytes) -> None:
        """CLO-1 against a rotate's close_commit; raises ProtocolError(BAD_COMMIT)."""
        if len(self.key) != SECRET_SIZE or not equal(self.commit, close_commit):
            raise ProtocolError(
                ErrorCode.BAD_COMMIT, "the close key is not the one that the rotate commits to"
            )

    def seal_previous(self, previous: CloseKey) -> bytes:
        """prev_close = once(B(KC, "prev-close", c), H(c), KC(p)); 48 bytes."""
        return seal_once(self._previous_key, self.context.digest, previous.key)

    def open_previous(self, sealed: bytes, previous: EpochContext, close_commit: bytes) -> CloseKey:
        """KC(p) from prev_close, checked against the close_commit of epoch p.

        Raises ProtocolError as `EpochSecret.open_link` does.
        """
        opened = CloseKey(open_once(self._previous_key, self.context.digest, sealed), previous)
        opened.check(close_commit)
        return opened
