"""What every act of the play needs: the cast, the screen, the ledger, and ways to observe.

Each claim is judged by the answer of a process other than the one that acted.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from cencomm_config.catalog import chosen_language, sentence

from cencomm_client.demo import scenario
from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.papers import NEVER_SAID
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.values import wire

WATCHERS = ("fr", "de", "pl")


class Stage:
    """State of the play between its acts."""

    def __init__(self, cast: Cast, screen: Screen, ledger: Ledger) -> None:
        self.cast = cast
        self.screen = screen
        self.ledger = ledger
        self.log = ""
        self.opens = self.closes = 0.0
        self.leaves: dict[str, str] = {}
        self.latencies_ms: list[float] = []
        self.measured: dict[str, Any] = {}
        self.refusals: list[tuple[str, str, str]] = []  # who, code expected, code given
        self.roles: set[str] = set()
        self.circle_seq = 0  # the first message of the directed channel

    async def seen(self, key: str, posted: dict[str, Any]) -> dict[str, Any]:
        """Wait until `key` reads what was posted, and take its report."""
        item: dict[str, Any] = await self.cast[key].call("wait_for", leaf=posted["leaf"])
        return item

    async def all(self, keys: tuple[str, ...], verb: str, **values: Any) -> dict[str, Any]:
        """Ask several processes at once."""
        answers = await asyncio.gather(*(self.cast[key].call(verb, **values) for key in keys))
        return dict(zip(keys, answers, strict=True))

    async def write(
        self,
        who: str,
        channel: str,
        kind: str,
        content: dict[str, Any],
        *,
        re: str | None = None,
        to: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Have somebody post a form; byte strings in it are leaf hashes."""
        posted: dict[str, Any] = await self.cast[who].call(
            "post", channel=channel, kind=kind, content=wire(content), re=re, to=list(to)
        )
        return posted

    async def refused(self, who: str, code: str, verb: str, **values: Any) -> None:
        """Have somebody try what is refused with `code`; judged with all the others at the end."""
        given = await self.cast[who].refusal(verb, **values)
        self.refusals.append((who, code, given))
        tried = f"tries {verb.replace('_', ' ')} in vain: {given}"
        self.screen.say(who, tried, "yellow" if given == code else "bold red")

    async def refused_post(
        self,
        who: str,
        code: str,
        *,
        channel: str = scenario.FIELD,
        kind: str = "MSG",
        content: dict[str, Any] | None = None,
        **values: Any,
    ) -> None:
        """Have somebody say in vain what nobody may ever read: `NEVER_SAID`, or a content."""
        said = {"text": NEVER_SAID} if content is None else content
        await self.refused(
            who, code, "post", channel=channel, kind=kind, content=wire(said), **values
        )

    def note_latency(self, sent: dict[str, Any], seen: dict[str, Any]) -> None:
        """All processes run on one machine: its one clock gives the time from post to sight."""
        self.latencies_ms += [item["seen_ms"] - sent["posted_ms"] for item in seen.values()]

    def judge(
        self,
        name: str,
        *,
        acted: str,
        by: tuple[str, ...],
        held: bool,
        **evidence: Any,
    ) -> None:
        """Enter a claim, its sentence from the catalogue; `by`: whose answers it rests on."""
        pids = {key: self.cast.actors[key].pid for key in by if key in self.cast.actors}
        said = sentence(f"claim_{name}", chosen_language(os.environ))
        claim = self.ledger.judge(
            name, said, acted=acted, observed_by=by, held=held, observer_pids=pids, **evidence
        )
        self.screen.claim(claim)


def ms(seconds: float) -> int:
    """Unix seconds as whole milliseconds."""
    return int(seconds * 1000)


def code_of(key: str) -> str:
    """Functional code of a participant."""
    return next(person.code for person in scenario.PARTICIPANTS if person.key == key)


def key_of(code: str) -> str:
    """The participant with a functional code."""
    return next(person.key for person in scenario.PARTICIPANTS if person.code == code)
