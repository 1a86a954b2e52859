"""What a coordinator decides before an operation starts, and the genesis body that says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cencomm_config.forms import FormSet, base_set
from cencomm_crypto.public.directory.state import DirectoryState

from cencomm_client.directory import person_id

DAY_S = 86_400
CLOCKS: Mapping[str, int] = {  # DOMAIN "Clocks", seconds
    "accept_s": 1800,
    "flash_s": 600,
    "feedback_s": DAY_S,
    "seizure_s": DAY_S,
    "long_s": 15 * DAY_S,
    "sit_s": DAY_S,
}
NO_WITNESS: Mapping[str, Any] = {"keys": [], "k": 0, "fresh": 0, "mode": "warn"}
DEFAULT_GRACE_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Admission:
    """A person to admit: functional code and role; `channel` for experts and bots by name."""

    code: str
    role: str
    channel: str | None = None
    kinds: tuple[str, ...] = ()  # what a bot may drop
    rate: int | None = None  # drops per hour


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """All fields of an operation's genesis; times in ms since 1970 UTC.

    `live` lies inside the window and is the window where it is left out. `auditors` are
    functional codes; `quorum` of them open the operation after its end, 0 with no auditors.
    """

    name: str
    not_before: int
    not_after: int
    legal: str
    live: tuple[int, int] | None = None
    grace_ms: int = DEFAULT_GRACE_MS
    auditors: tuple[str, ...] = ()
    quorum: int = 0
    history: Literal["all", "none"] = "all"
    metadata: Literal["full", "minimal"] = "full"
    browser: bool = True
    exercise: bool = False
    erase_at: int = 0
    clocks: Mapping[str, int] = field(default_factory=lambda: dict(CLOCKS))
    witness: Mapping[str, Any] = field(default_factory=lambda: dict(NO_WITNESS))
    forms: FormSet = field(default_factory=base_set)

    def body(self, directory: DirectoryState) -> dict[str, Any]:
        """The genesis body; raises ProtocolError(UNKNOWN_PERSON) for an auditor."""
        window = [self.not_before, self.not_after]
        return {
            "directory": directory.id32,
            "name": self.name,
            "window": window,
            "grace": self.grace_ms,
            "live": window if self.live is None else list(self.live),
            "phases": 1,
            "history": self.history,
            "metadata": self.metadata,
            "browser": self.browser,
            "retention": {"erase_at": self.erase_at},
            "clocks": {**CLOCKS, **self.clocks},
            "exercise": self.exercise,
            "forms": self.forms.hash,
            "audit": {
                "persons": [person_id(directory, code) for code in self.auditors],
                "k": self.quorum,
            },
            "witness": dict(self.witness),
            "legal": self.legal,
            "rules": 1,
            "suite_min": 1,
        }
