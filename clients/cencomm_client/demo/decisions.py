"""The act in which two administrations decide: a longer window, and going on after a stop."""

from __future__ import annotations

import asyncio
import contextlib
import time

from cencomm_client.demo import scenario
from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.stage import Stage, ms

LONGER_S = 10  # by how much each decision moves the end
LEAST_S = 8.0  # so much time is always left while there is work, on a machine that is quick
LOOK_S = 0.5


class Decisions(Stage):
    """What no single administration decides."""

    def __init__(self, cast: Cast, screen: Screen, ledger: Ledger) -> None:
        super().__init__(cast, screen, ledger)
        self._extending = asyncio.Lock()
        self._end = 0.0  # that is proposed

    async def longer_window(self) -> None:
        self.screen.act("two_sides")
        before = await self.cast["fr"].call("standing")
        await self.refused("fr", "not_permitted", "extend", not_after=ms(self.closes + LONGER_S))
        await self.refused("rilo", "bad_value", "extend", not_after=ms(self.closes - LONGER_S))
        far = ms(time.time() + 10 * 366 * 86_400)
        await self.refused("rilo", "window_too_long", "extend", not_after=far)
        async with self._extending:
            await self._longer(before["window"])

    async def _longer(self, before: list[int]) -> None:
        proposed = await self._proposed()
        await self.refused("rilo", "same_administration", "approve", proposal=proposed["leaf"])
        await self.refused("ncp-pl", "unknown_proposal", "approve", proposal="00" * 32)
        await self._approved(proposed)
        await self.refused("ncp-pl", "proposal_spent", "approve", proposal=proposed["leaf"])
        after = await self.cast["fr"].call("standing")
        self.judge(
            "window_extended_by_two",
            acted="rilo",
            by=("fr",),
            held=before[1] < after["window"][1] == ms(self.closes)
            and after["proposals"][proposed["leaf"]] == "approved",
            proposal=proposed["seq"],
            window_before=before,
            window_after=after["window"],
        )

    async def stop_and_go_on(self) -> None:
        """One coordinator stops everything; two lift it."""
        stopped = await self.cast["rilo"].call("suspend")
        self.screen.say("rilo", "operation suspended: a leak is suspected")
        await self.all(("fr", "de"), "wait_for_entry", seq=stopped["seq"])
        await self.refused_post("fr", "wrong_phase")
        await self.refused("rilo", "wrong_phase", "set_phase", phase="post")
        proposed = await self.cast["rilo"].call("propose", subject="resume")
        await self.refused("rilo", "same_administration", "approve", proposal=proposed["leaf"])
        resumed = await self.cast["ncp-pl"].call("approve", proposal=proposed["leaf"])
        self.screen.say("ncp-pl", "resumed: Poland approves what the RILO proposed")
        await self.all(("fr", "de"), "wait_for_entry", seq=resumed["seq"])
        said = await self.write("fr", scenario.FIELD, "MSG", {"text": "Back at work, Le Havre."})
        got = await self.seen("de", said)
        phase = await self.cast["de"].call("standing")
        self.judge(
            "suspended_and_resumed",
            acted="rilo",
            by=("de",),
            held=phase["phase"] == "live" and got["seq"] > resumed["seq"] > stopped["seq"],
            suspend_entry=stopped["seq"],
            resume_entry=resumed["seq"],
        )

    async def keep_open(self, done: asyncio.Event) -> None:
        """Until `done`: a longer window, decided by two, whenever the end comes near."""
        needed_s = max(LEAST_S, self.measured["enrolment_s"] / 3)
        while not done.is_set():
            async with self._extending:
                if self.closes - time.time() < needed_s:
                    await self._approved(await self._proposed())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await done.wait()

    async def _proposed(self) -> dict[str, str | int]:
        self._end = max(self.closes, time.time()) + LONGER_S
        proposed: dict[str, str | int] = await self.cast["rilo"].call(
            "extend", not_after=ms(self._end)
        )
        self.screen.say("rilo", f"proposes {LONGER_S} s more")
        return proposed

    async def _approved(self, proposed: dict[str, str | int]) -> None:
        decided = await self.cast["ncp-pl"].call("approve", proposal=proposed["leaf"])
        self.closes = ms(self._end) / 1000
        self.screen.window(self.opens, self.closes)
        self.screen.say("ncp-pl", "approves: the window is longer")
        await self.all(("fr", "de", "ncp-de"), "wait_for_entry", seq=decided["seq"])
