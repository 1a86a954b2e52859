"""The play: what happens in Operation MERIDIAN, act by act."""

from __future__ import annotations

from cencomm_client.demo.ending import Ending
from cencomm_client.demo.opening import Opening
from cencomm_client.demo.turning import Turning


class Play(Opening, Turning, Ending):
    """All acts on one stage."""

    async def run(self) -> None:
        """In order; the window's real time runs meanwhile."""
        await self.group()
        await self.window_opens()
        await self.hit_and_warning()
        await self.chat_and_seizure()
        await self.new_device()
        await self.removal()
        await self.end()
        await self.audit()
        await self.extract()
