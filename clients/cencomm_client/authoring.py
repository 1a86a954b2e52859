"""Making an entry of this device: header, heads that it has seen, signature.

`seen` and `dir` name the newest heads that this device verified, so that everybody who reads
the entry can tell a fork (DESIGN 2 Agreement). Nothing is sent here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, Head, Header, author
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId
from cencomm_crypto.public.primitives import EMPTY_ROOT

from cencomm_client.mirror import Mirror
from cencomm_client.sealed_file import Random
from cencomm_client.vault import Vault
from cencomm_client.verifier import Clock


def entry_id(now_ms: int, random: Random = secrets.token_bytes) -> EntryId:
    """A fresh UUIDv7 (RFC 9562 5.7): 48 bits of milliseconds, 74 random bits."""
    tail = bytearray(random(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return EntryId(now_ms.to_bytes(6, "big") + bytes(tail))


class Author:
    """Signs entries of this vault's device over what the mirror has verified."""

    def __init__(
        self, vault: Vault, mirror: Mirror, clock: Clock, random: Random = secrets.token_bytes
    ) -> None:
        self._vault = vault
        self._mirror = mirror
        self._clock = clock
        self._random = random

    def directory_header(self, kind: str) -> Header:
        """Header of a directory entry; raises Stopped where an alarm stopped the directory."""
        log = self._vault.directory_log
        self._mirror.expect_going(log)
        return Header(
            type=kind,
            device=self._vault.device,
            id=entry_id(self._clock(), self._random),
            time=self._clock(),
            seen=self._mirror.head(log),
            log=log,
        )

    def header(
        self,
        kind: str,
        log: LogId,
        *,
        chan: ChannelId | None = None,
        epoch: int | None = None,
    ) -> Header:
        """Header of an operation's entry; visible fields are added with `dataclasses.replace`.

        Raises Stopped where an alarm stopped this log or the directory.
        """
        self._mirror.expect_going(log)
        return replace(
            self.directory_header(kind),
            log=log,
            seen=self._mirror.head(log),
            dir=self._mirror.head(self._vault.directory_log),
            chan=chan,
            epoch=epoch,
        )

    def genesis_header(self, kind: str = "operation.genesis") -> Header:
        """Header of an operation's genesis: no log yet, nothing seen but the directory (RULES)."""
        return replace(
            self.directory_header(kind),
            log=None,
            seen=Head(0, EMPTY_ROOT),
            dir=self._mirror.head(self._vault.directory_log),
        )

    def sign(self, header: Header, body: Mapping[str, Value] | bytes) -> Entry:
        """Sign with the device key; raises ProtocolError for a body of another shape."""
        return author(header, body, self._vault.device_key)

    def directory_entry(self, kind: str, body: Mapping[str, Value]) -> Entry:
        """A signed directory entry."""
        return self.sign(self.directory_header(kind), body)

    def control_entry(self, kind: str, log: LogId, body: Mapping[str, Value]) -> Entry:
        """A signed control entry of an operation."""
        return self.sign(self.header(kind, log), body)
