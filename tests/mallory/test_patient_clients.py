"""A server that says "not so fast": clients wait as told; nothing is lost, nothing there twice."""

from __future__ import annotations

import asyncio
from typing import Any

from cencomm_config.errors import RateLimited
from cencomm_crypto.public.ids import DeviceId
from cencomm_server.throttle import Throttle

from tests.mallory.harness import Stages
from tests.mallory.world import ALERTS, ANALYST, OFFICER
from tests.support.waiting import until

POSTS = 6


class Sparing(Throttle):
    """Refuses every second live append and every third request of a device, for a second."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.asked = {"live": 0, "http": 0}
        self.refused = {"live": 0, "http": 0}

    def device(self, device: DeviceId, token_hash: bytes | None, size_bytes: int) -> None:
        way = "live" if token_hash is None else "http"
        self.asked[way] += 1
        if self.asked[way] % (2 if way == "live" else 3) == 0:
            self.refused[way] += 1
            raise RateLimited("not so fast", retry_after_s=1)
        super().device(device, token_hash, size_bytes)


async def test_posts_and_reads_of_a_limited_device_all_get_through_once(stages: Stages) -> None:
    async with stages(Throttle=Sparing) as stage:
        spared = stage.server.part(Sparing)
        officer = await stage.client(OFFICER)
        await officer.go_live()
        await until(lambda: officer.live, within_s=30)
        channel = (await stage.operation(OFFICER)).channel(ALERTS)
        texts = [f"number {n}" for n in range(POSTS)]
        posted = await asyncio.gather(*(channel.post("MSG", {"text": text}) for text in texts))
        assert spared.refused["live"] > 0
        assert spared.refused["http"] > 0
        assert len({one.seq for one in posted}) == POSTS
        assert not stage.station(OFFICER).vault.outbox()
        await stage.look(ANALYST)
        assert [text for text in sorted(stage.texts(ANALYST)) if text in texts] == texts
        stage.quiet()
