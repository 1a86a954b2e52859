"""What a member is shown is the same in both: what opens, what does not and why, what is odd."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.web.bridge import Bridge
from tests.web.talk import Talk

ENTRIES_PER_ROUND = 40


def test_both_show_the_same_of_an_operation(bridge: Bridge, rounds: int) -> None:
    talk = Talk(Random("talk"))  # noqa: S311 cases, not secrets
    talk.say(ENTRIES_PER_ROUND * rounds)
    inputs = {"scene": "talk", "secrets": talk.shown_secrets, "from": 0}
    _, answer = bridge.ask([("scene", {"name": "talk", **talk.inputs}), ("view", inputs)])
    rows = [[*row[:6], content_of(row[6])] for row in answer["output"]["rows"]]
    expected = list(talk.rows())
    assert rows == expected
    flags = {flag for row in expected for flag in row[4]}
    codes = {row[2] for row in expected} | {row[3] for row in expected}
    assert flags >= {"after_revocation", "forged_metadata", "misplaced", "time_differs"}
    assert flags >= {"resealed", "unexpected_kind"}
    assert codes >= {"not_member", "wrong_epoch", "cannot_open", "malformed", None}


def content_of(payload: dict[str, Any] | None) -> Any:
    """The content in a payload's notation."""
    return None if payload is None else dict(payload["map"])["content"]
