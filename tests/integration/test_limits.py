"""Limits of the live socket, and of an address against the real server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from cencomm_crypto.public.wire import Receipt
from cencomm_server.throttle import Throttle

from tests.integration.test_append_socket import LiveScene
from tests.support.deployment import deployed, needs_store
from tests.support.throttles import WIDE, HandClock


async def test_a_limited_append_is_answered_before_it_is_parsed() -> None:
    clock = HandClock()
    throttle = Throttle(replace(WIDE, device_rate_per_s=0.25, device_burst=2), clock)
    scene = await LiveScene().open(charge=lambda device, size: throttle.device(device, None, size))
    try:
        author = await scene.client(scene.officer)
        other = await scene.client(scene.operation.creator)
        for _ in range(2):
            Receipt.decode(await author.append(scene.sealed()))
        entry = scene.sealed()
        expected = {
            "code": "rate_limited",
            "detail": "too many requests from this device; expected a pause",
            "retry_after_s": 4,
        }
        assert await author.append(entry) == expected
        garbage = scene.log + b"not a submission"
        assert await author.sio.call("append", garbage, timeout=5) == expected
        answer = await other.append(entry)  # another device's entry: refused by rule, not limited
        assert answer["code"] == "not_permitted"
        clock.now += 4
        scene.verify(entry, Receipt.decode(await author.append(entry)))
    finally:
        await scene.close()


@needs_store
async def test_an_address_that_connects_too_often_is_told_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENCOMM_ADDRESS_RATE_PER_S", "0.05")
    monkeypatch.setenv("CENCOMM_ADDRESS_BURST", "12")
    async with deployed(tmp_path) as town, aiohttp.ClientSession() as session:
        url = f"{town.url}/v1/socket/?EIO=4&transport=websocket"
        statuses = []
        for _ in range(20):
            async with session.get(url) as answer:  # no upgrade: refused, and counted all the same
                statuses.append(answer.status)
        assert statuses[0] == 400
        assert statuses[-1] == 429
        async with session.get(f"{town.url}/v1/info") as answer:
            assert answer.status == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= 20
