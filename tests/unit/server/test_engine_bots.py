"""Drops of a bot over a sliding hour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_config.errors import RateLimited
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import LogId, PersonId
from cencomm_server.engine.bots import HOUR_S, Drops
from cencomm_server.engine.items import document

from tests.support.engine import Scene, rotate
from tests.support.throttles import HandClock

LOG, BOT, OTHER = LogId(bytes(16)), PersonId(b"b" * 16), PersonId(b"c" * 16)


class Counter:
    """Drops of one bot that may make ten an hour."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.drops = Drops(self.clock)

    def take(self, count: int) -> int:
        """How many of so many are let through."""
        for done in range(count):
            try:
                self.drops.take(LOG, BOT, 10)
            except RateLimited:
                return done
        return count


def test_as_many_as_allowed_go_through_at_once_and_no_more() -> None:
    counter = Counter()
    assert counter.take(20) == 10
    counter.drops.take(LOG, OTHER, 10)
    counter.drops.take(LogId(b"x" * 16), BOT, 10)


def test_no_hour_wherever_it_begins_lets_more_through() -> None:
    counter = Counter()
    counter.clock.now = 10 * HOUR_S + HOUR_S - 60  # a minute before the counted hour is over
    assert counter.take(20) == 10
    counter.clock.now += 120
    assert counter.take(20) <= 1
    counter.clock.now += HOUR_S / 2
    assert counter.take(20) == 5
    counter.clock.now += 2 * HOUR_S
    assert counter.take(20) == 10


def test_after_the_time_that_it_names_one_goes_through() -> None:
    for into_s in (0, 100, 1800, 3500):
        counter = Counter()
        counter.clock.now = 10 * HOUR_S + into_s
        counter.take(10)
        for _ in range(12):
            with pytest.raises(RateLimited) as refused:
                counter.drops.take(LOG, BOT, 10)
            assert 0 < refused.value.retry_after_s <= 2 * HOUR_S
            counter.clock.now += refused.value.retry_after_s
            counter.drops.take(LOG, BOT, 10)


def test_what_did_not_get_into_the_log_does_not_count() -> None:
    counter = Counter()
    assert counter.take(10) == 10
    counter.drops.give_back(LOG, BOT)
    assert counter.take(5) == 1


async def test_a_drop_whose_id_the_store_holds_already_does_not_count() -> None:
    """An entry of no effect took the id: the rules do not see it, the store does (A5)."""
    scene = Scene(metadata="minimal")
    bot = scene.directory.person(scene.officer.administration, kind="bot")
    scene.operation.admit(bot, "bot", chan=scene.work, kinds=["HIT"], rate=1)
    rotate(scene.operation, scene.work)
    await scene.serve()

    def drop(**header: Any) -> Entry:
        return scene.operation.current("drop", bytes(512), scene.work, bot, **header)

    void = drop(epoch=9)
    scene.operation.force(void)
    doc = document(replace(scene.operation.entries[-1], entry=void))
    await scene.served.store.append_entries(scene.log, [doc])
    scene.served = await scene.served.another()
    await scene.served.logs.load_all()
    assert await scene.refusal(drop(id=void.header.id)) == "id_reused"
    await scene.submit(drop())
    assert await scene.refusal(drop()) == "rate_limited"
