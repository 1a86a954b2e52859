"""Limits against the real server, and clients that wait as they are told and lose nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cencomm_client import Admission, Message, OperationPlan
from cencomm_client.errors import TryLater
from cencomm_client.live import LiveConnection
from cencomm_crypto.public.wire import Receipt
from cencomm_server.throttle import Throttle

from tests.integration.test_append_socket import LiveScene
from tests.support.deployment import deployed, needs_store, now_ms
from tests.support.throttles import WIDE, HandClock

POSTS = 30


class Limited:
    """Counts how often the live connection was told to wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, float]] = []
        honest = LiveConnection.append

        async def append(live: LiveConnection, *args: Any) -> Receipt:
            try:
                return await honest(live, *args)
            except TryLater as limited:
                self.asked.append((limited.code, limited.retry_after_s))
                raise

        monkeypatch.setattr(LiveConnection, "append", append)


@needs_store
async def test_a_device_that_posts_too_fast_waits_and_nothing_is_lost_or_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENCOMM_DEVICE_RATE_PER_S", "8")
    monkeypatch.setenv("CENCOMM_DEVICE_BURST", "20")
    told = Limited(monkeypatch)
    async with deployed(tmp_path) as town:
        rilo = await town.contact_point("WCO", "WCO-001")
        await town.may_create(rilo)
        member = await town.person(rilo, "WCO-002")
        now = now_ms()
        operation = await rilo.create_operation(
            OperationPlan(
                name="MERIDIAN", not_before=now - 1000, not_after=now + 3_600_000, legal="test"
            )
        )
        await operation.create_channel("alpha")
        await operation.admit([Admission("WCO-002", "officer")])
        await operation.set_phase("prep")
        await operation.set_phase("live")
        await member.refresh()
        channel = (await member.operation("MERIDIAN")).channel("alpha")
        posted = await asyncio.gather(
            *(channel.post("MSG", {"text": f"number {n}"}) for n in range(POSTS))
        )
        over_http = (tmp_path / "server.log").read_text().count('"rate_limited"')
        assert len(told.asked) + over_http > 0
        assert set(told.asked) <= {("rate_limited", 1)}
        assert len({receipt.seq for receipt in posted}) == POSTS
        await rilo.refresh()
        texts = [
            item.content["text"]
            for item in (await rilo.operation("MERIDIAN")).items()
            if isinstance(item, Message) and item.content is not None and "text" in item.content
        ]
        assert sorted(texts) == sorted(f"number {n}" for n in range(POSTS))
        assert not member.vault.outbox()
        assert not member.alarms()


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
