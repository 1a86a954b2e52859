"""What every part of an open client works with: one device's vault, logs, server and clock."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom

from cencomm_crypto.public.directory.state import DirectoryState

from cencomm_client.authoring import Author
from cencomm_client.automation.timing import Timing, Uniform
from cencomm_client.mirror import Mirror
from cencomm_client.outbox import Outbox
from cencomm_client.progress import Progress, silent
from cencomm_client.sealed_file import Random
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_client.verifier import Clock


def wall_clock() -> int:
    """The device's clock: ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What tests and demonstrations may replace; programs take the defaults, but for `progress`,
    which hears how far the reading of a long log is."""

    timing: Timing = field(default_factory=Timing)
    clock: Clock = wall_clock
    monotonic: Callable[[], float] = time.monotonic
    random: Random = secrets.token_bytes
    uniform: Uniform = SystemRandom().uniform
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class Station:
    """One device at work; all parts of it see the same verified logs."""

    vault: Vault
    mirror: Mirror
    transport: Transport
    author: Author
    outbox: Outbox
    settings: Settings

    @property
    def directory(self) -> DirectoryState:
        """The newest verified directory."""
        return self.mirror.directory.state

    @property
    def timing(self) -> Timing:
        """Delays of the automation."""
        return self.settings.timing

    def now(self) -> int:
        """Own clock, ms."""
        return self.settings.clock()
