"""Who plays, and what every stage starts from: a deployment with MERIDIAN live and in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cencomm_crypto.public.ids import LogId
from cencomm_server.store.memory import MemoryStore

CHIEF = "RILO-001"  # coordinator; may create operations
DEPUTY = "FR-001"  # coordinator of another administration, NCP of France
CONTACT = "BE-001"  # NCP of Belgium
OFFICER = "FR-014"
ANALYST = "BE-007"
OUTSIDER = "BE-099"  # enrolled, in no operation
BOT = "BE-900"  # drops into `alerts`
AUDITORS = ("NL-001", "DE-001")
CONTACT_POINTS = (CHIEF, DEPUTY, CONTACT, *AUDITORS)
MEMBERS = (CHIEF, DEPUTY, CONTACT, OFFICER, ANALYST)

OPERATION = "MERIDIAN"
ALERTS = "alerts"  # of everybody, by rule
RAID = "raid"  # of the chief and France alone
WARNING = "lorry, two days ago, behind the cover load"  # the chief's, in `alerts`
PLAN = "we go in at four"  # the officer's, in `raid`
HOUR_MS = 3_600_000
WINDOW_MS = 12 * HOUR_MS
GRACE_MS = 600_000


@dataclass
class World:
    """A server's data folder and store, and beside it the closed vault of each of the cast."""

    folder: Path
    store: MemoryStore
    directory: LogId
    log: LogId = field(default_factory=lambda: LogId(b""))
    totp: dict[str, str] = field(default_factory=dict)
    """code of a person -> the secret of its authenticator"""

    @property
    def data(self) -> Path:
        """The server's data folder: its keys."""
        return self.folder / "server"
