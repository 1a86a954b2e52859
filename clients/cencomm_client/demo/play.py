"""The play: what happens in Operation MERIDIAN, act by act."""

from __future__ import annotations

import asyncio

from cencomm_client.demo.asking import Asking
from cencomm_client.demo.chains import Chains
from cencomm_client.demo.decisions import Decisions
from cencomm_client.demo.ending import Ending
from cencomm_client.demo.opening import Opening
from cencomm_client.demo.releasing import Releasing
from cencomm_client.demo.turning import Turning
from cencomm_client.demo.windup import Windup


class Play(Opening, Decisions, Chains, Asking, Releasing, Turning, Windup, Ending):
    """All acts on one stage."""

    async def run(self) -> None:
        """In order; the window's real time runs meanwhile."""
        await self.group()
        done = asyncio.Event()
        keeping = asyncio.create_task(self.keep_open(done))
        try:
            for act in (
                *(self.window_opens, self.hit_and_warning, self.chat_and_seizure),
                *(self.longer_window, self.stop_and_go_on, self.more_hits, self.warnings),
                *(self.questions, self.circles, self.handling, self.busy_spell, self.new_device),
                *(self.observer, self.removal, self.debrief, self.every_form, self.mistakes),
            ):
                await act()
        except BaseException:
            keeping.cancel()  # at an alarm nobody waits for a hostile server
            raise
        done.set()
        await keeping
        await self.end()
        await self.audit()
        await self.hold()
        await self.refusals_judged()
        await self.extract()
