"""Contents of messages that people would post: each is valid as the form that it is."""

from __future__ import annotations

from typing import Any

SEEN = {"answer": "accepted"}  # ACK
WARNED = {  # WRN
    "subject": "container",
    "identifiers": {"container": "CSQU3054383"},
    "action": "control",
}
PARTIAL = {"status": "partial", "answer": "half of it"}  # RPL
FINAL = {"status": "final", "answer": "all of it"}
QUESTION = {"subject": "species", "question": "which species is this of?"}  # EXP
DELIVERY = {  # CDN
    "legs": [{"from": "DEHAM", "to": "PLGDN", "mode": "3"}],
    "consents": [{"country": "DE", "consent": "given"}],
    "stop_conditions": ["contact is lost for an hour"],
    "recipients": ["FR", "RILO"],
}


def task(assignee: str = "FR", *, mandatory: bool = True, state: str = "open") -> dict[str, Any]:
    """A TSK for an administration."""
    return {
        "task": "count the containers",
        "assignee": {"administration": assignee},
        "due": 1_795_000_000_000,
        "priority": "routine",
        "mandatory": mandatory,
        "state": state,
    }


def withdrawal(target: bytes) -> dict[str, Any]:
    """A WDR."""
    return {"target": target, "reason": "done otherwise"}
