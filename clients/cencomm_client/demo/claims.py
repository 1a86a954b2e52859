"""The ledger of claims: what was shown, who acted, which other process observed it, evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing the demonstration shows. `held` is what the observer's own process reported."""

    name: str
    sentence: str
    acted: str
    observed_by: tuple[str, ...]
    held: bool
    evidence: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values for the last line."""
        return {
            "claim": self.name,
            "sentence": self.sentence,
            "acted": self.acted,
            "observed_by": list(self.observed_by),
            "held": self.held,
            "evidence": self.evidence,
        }


@dataclass(slots=True)
class Ledger:
    """Claims in the order of the play. A claim that was never judged counts as failed."""

    expected: tuple[str, ...]
    claims: list[Claim] = field(default_factory=list)

    def judge(
        self,
        name: str,
        sentence: str,
        *,
        acted: str,
        observed_by: tuple[str, ...],
        held: bool,
        **evidence: Any,
    ) -> Claim:
        """Enter a claim; the observer must be another process than the one that acted."""
        if name not in self.expected:
            raise ValueError(f"{name} is not among the expected claims")
        if any(claim.name == name for claim in self.claims):
            raise ValueError(f"{name} was judged already")
        if not observed_by or acted in observed_by:
            raise ValueError(f"{name}: {acted} cannot vouch for itself")
        claim = Claim(name, sentence, acted, observed_by, held, evidence)
        self.claims.append(claim)
        return claim

    @property
    def missing(self) -> tuple[str, ...]:
        """Expected claims that nobody judged."""
        judged = {claim.name for claim in self.claims}
        return tuple(name for name in self.expected if name not in judged)

    @property
    def all_held(self) -> bool:
        """Whether every expected claim was judged and held."""
        return not self.missing and all(claim.held for claim in self.claims)
