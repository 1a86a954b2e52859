"""Decided hits are found as they come: a step costs the same in a short log and in a long one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cencomm_client.automation.decided import Decided
from cencomm_client.bots.answers import Answers
from cencomm_client.follow import Feed
from cencomm_client.items import Author, Control, Item, Message, Place
from cencomm_client.triage import Decision, Triaged, dismissal, hits_of
from cencomm_client.work.threads import KeptThreads, Threads
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId
from cencomm_crypto.public.operation.results import result_place
from cencomm_crypto.public.operation.state import OperationState

LOG, CHAN, BOT = LogId(b"l" * 16), ChannelId(b"c" * 16), DeviceId(b"b" * 16)


def place(seq: int) -> Place:
    return Place(LOG, seq, seq, seq.to_bytes(32, "big"))


def said(seq: int, kind: str, content: dict[str, Any] | None, about: int | None = None) -> Message:
    by_bot = about is None
    device = BOT if by_bot else DeviceId(b"o" * 16)
    return Message(
        place=place(seq), author=Author(device, PersonId(device), "FR-1", "FR"), channel=CHAN,
        channel_name="alerts", type="drop" if by_bot else "message", id=EntryId(bytes(16)),
        epoch=1, kind=kind, content=content, mid=None,
        re=None if about is None else place(about).leaf, prio=None, ack_by=None, to=(), time=0,
    )  # fmt: skip


def hits(count: int) -> list[Item]:
    return [said(seq, "HIT", {"dedupe": str(seq)}) for seq in range(count)]


def decided_in(feed: Feed) -> Decided:
    return Decided(lambda: KeptThreads(feed))


def stood(*answered: int) -> OperationState:
    told = {result_place(place(seq).leaf, BOT) for seq in answered}
    return cast(OperationState, SimpleNamespace(channels={CHAN: SimpleNamespace(answered=told)}))


def places(found: tuple[Triaged, ...]) -> list[int]:
    return [one.hit.place.seq for one in found]


class Counted:
    """Counts the items that are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked = 0
        for owner, name in ((Threads, "take"), (Threads, "answers")):
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name)))
        since, items = Feed.since, Feed.items
        monkeypatch.setattr(Feed, "since", lambda *given: self._all(since(*given)))
        monkeypatch.setattr(Feed, "items", lambda *given: self._all((items(*given), 0))[0])

    def _all(self, found: tuple[list[Item], int]) -> tuple[list[Item], int]:
        self.looked += len(found[0])
        return found

    def _counting(self, real: Any) -> Any:
        def counting(*given: Any) -> Any:
            self.looked += 1
            return real(*given)

        return counting


def test_a_step_of_a_long_log_costs_what_one_of_a_short_log_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cost: dict[int, int] = {}
    for size in (200, 20_000):
        feed = Feed()
        feed.put(hits(size))
        decided = decided_in(feed)
        assert decided.owed(stood()) == ()
        with monkeypatch.context() as patch:
            counted = Counted(patch)
            feed.put([said(size, "HIT", dismissal("noise"), about=7)])
            assert places(decided.owed(stood())) == [7]
            assert places(decided.owed(stood())) == [7]
            feed.put([said(size + 1, "HIT", {"dedupe": "another"})])
            assert decided.owed(stood(7)) == ()
            cost[size] = counted.looked
    assert cost[200] == cost[20_000] < 20


async def test_a_look_for_results_costs_the_same_too(monkeypatch: pytest.MonkeyPatch) -> None:
    cost: dict[int, int] = {}
    for size in (200, 20_000):
        feed = Feed()
        feed.put(hits(size))
        station = SimpleNamespace(mirror=None, vault=SimpleNamespace(device=BOT))

        async def disk(work: Any) -> frozenset[bytes]:
            return frozenset()

        answers = Answers(cast(Any, station), cast(Any, SimpleNamespace(feed=feed, log=LOG)), disk)  # type: ignore[arg-type]  # it calls it, no more
        await answers.new()
        with monkeypatch.context() as patch:
            counted = Counted(patch)
            author = Author(BOT, None, "FR-1", "FR")
            feed.put([Control(place(size), author, "drop.result", {"device": b"another"})])
            await answers.new()
            await answers.new()
            cost[size] = counted.looked
    assert cost[200] == cost[20_000] == 1


def test_it_says_what_all_items_together_say_after_each_step() -> None:
    feed = Feed()
    decided = decided_in(feed)
    blind = replace(said(1, "HIT", None), kind=None)  # its key comes later
    steps: list[list[Item]] = [
        hits(1),
        [blind],
        [said(2, "HIT", dismissal("noise"), about=1)],
        [said(1, "HIT", {"dedupe": "1"})],
        [said(3, "WRN", {"promotes": place(0).leaf}, about=0)],
        [said(4, "WDR", {"target": place(2).leaf, "reason": "wrong"}, about=2)],
        [said(5, "HIT", dismissal("noise again"), about=1)],
    ]
    for step in steps:
        feed.put(step)
        whole = [one for one in hits_of(feed.items()) if not one.open]
        assert list(decided.owed(stood())) == whole
    assert [one.outcome.decision for one in decided.owed(stood()) if one.outcome] == [
        Decision.PROMOTE,
        Decision.DISMISS,
    ]
    assert places(decided.owed(stood(0))) == [1]


def test_it_begins_anew_with_the_log_and_forgets_when_told() -> None:
    feed = Feed()
    decided = decided_in(feed)
    feed.put([*hits(2), said(2, "HIT", dismissal("noise"), about=1)])
    assert places(decided.owed(stood())) == [1]
    feed.begin_anew()  # the decision was lost with the end of the log
    feed.put(hits(2))
    assert decided.owed(stood()) == ()
    feed.put([said(2, "HIT", dismissal("noise"), about=0)])
    assert places(decided.owed(stood())) == [0]
    feed.begin_anew()  # nor is the hit there
    assert decided.owed(stood()) == ()
    feed.put([*hits(1), said(2, "HIT", dismissal("noise"), about=0)])
    assert places(decided.owed(stood())) == [0]
    decided.forget()
    assert places(decided.owed(stood())) == [0]
