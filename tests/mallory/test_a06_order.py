"""A6: the server reorders, drops or delays: order is the tree, and an author has its receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cencomm_client.errors import LogAlarm, TryLater
from cencomm_client.evidence import evidence_folder
from cencomm_crypto.public.encoding import decode_map
from cencomm_crypto.public.entry import verify_signature
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Sequenced, Submission
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import Holding, arrange, honest_then_telling, tell
from tests.mallory.world import (
    ALERTS,
    CHIEF,
    DEPUTY,
    GRACE_MS,
    OFFICER,
    PLAN,
    WARNING,
    WINDOW_MS,
)

SAID = ("stop it", "let it pass", "follow it")

ARRANGEMENTS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "swapped": lambda items: [items[1], items[0], *items[2:]] if len(items) > 2 else items,
    "dropped": lambda items: [items[0], *items[2:]] if len(items) > 2 else items,
    "cut": lambda items: items[:-1],
    "all but the last": lambda items: items[-1:],
}


async def say_three_things(stage: Stage) -> None:
    """The officer has read up to here; then the chief says three things."""
    await stage.look(CHIEF, OFFICER)
    chief = await stage.operation(CHIEF)
    for text in SAID:
        await chief.channel(ALERTS).post("MSG", {"text": text})
        await stage.look(CHIEF)


@honest_then_telling
@pytest.mark.parametrize("how", ARRANGEMENTS)
async def test_items_in_another_order_or_missing(
    stages: Stages, reading: type[Reading], how: str
) -> None:
    async with stages(Reading=reading) as stage:
        await say_three_things(stage)
        arrange(stage, ARRANGEMENTS[how])
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER) == [WARNING, PLAN, *SAID]
        else:
            stage.expect({"A6"}, OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN]


@honest_then_telling
async def test_another_order_under_a_head_of_its_own(
    stages: Stages, reading: type[Reading]
) -> None:
    """Even where the host signs its order: the second was sealed after its author saw the first."""
    async with stages(Reading=reading) as stage:
        await say_three_things(stage)

        def swapped(items: list[Sequenced]) -> list[Sequenced]:
            first, second = items[-2:]
            told = [replace(second, seq=first.seq, at=first.at), replace(first, seq=second.seq)]
            return [*items[:-2], *told]

        tell(stage, swapped)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[2:] == list(SAID)
        else:
            stage.expect({"A4"}, OFFICER)  # what shows it is the head in the later one's header
            assert stage.texts(OFFICER)[2:4] == [SAID[0], SAID[1]] or SAID[2] not in stage.texts(
                OFFICER
            )


@honest_then_telling
async def test_a_time_that_goes_back(stages: Stages, reading: type[Reading]) -> None:
    async with stages(Reading=reading) as stage:
        await say_three_things(stage)
        tell(stage, lambda items: [*items[:-1], replace(items[-1], at=items[-2].at - 1)])
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == SAID[-1]
        else:
            stage.expect({"A6"}, OFFICER)
            assert SAID[-1] not in stage.texts(OFFICER)


class Misplacing(Appends):
    """Acknowledges everything with the receipt of the entry before it."""

    async def append(self, log: LogId, submission: Submission, poster: Reader | None) -> Receipt:
        receipt = await super().append(log, submission, poster)
        runtime = await self._logs.get(log)
        return runtime.receipt(receipt.seq - 1, receipt.at)


async def test_a_receipt_that_proves_nothing(stages: Stages) -> None:
    for appends in (Appends, Misplacing):
        async with stages(Appends=appends) as stage:
            officer = await stage.operation(OFFICER)
            vault = stage.station(OFFICER).vault
            before = vault.receipts(stage.log)
            if appends is Appends:
                posted = await officer.channel(ALERTS).post("MSG", {"text": "on it"})
                assert posted.seq == stage.head().size - 1
                assert vault.outbox() == ()
                stage.quiet()
                continue
            with pytest.raises(LogAlarm) as caught:
                await officer.channel(ALERTS).post("MSG", {"text": "on it"})
            assert caught.value.row == "A6"
            stage.expect({"A6"}, OFFICER)
            assert len(vault.outbox()) == 1  # not given up: nothing proves that it is in
            assert vault.receipts(stage.log) == before


@pytest.mark.parametrize("holds", [False, True], ids=["honest", "holding"])
async def test_an_entry_that_is_never_let_in(stages: Stages, holds: bool) -> None:
    """The author tries again with the same bytes, and in the end has them as evidence."""
    async with stages(Appends=Holding) as stage:
        holding = stage.server.part(Holding)
        if holds:
            holding.holds = lambda entry: entry.header.type == "message"
        officer = await stage.operation(OFFICER)
        channel = officer.channel(ALERTS)
        folder = evidence_folder(stage.station(OFFICER).vault.path)
        if not holds:
            await channel.post("MSG", {"text": "on it"}, patience_s=1)
            await stage.look(DEPUTY)
            assert stage.texts(DEPUTY)[-1] == "on it"
            stage.quiet()
            assert not folder.exists()
            return
        with pytest.raises(TryLater):
            await channel.post("MSG", {"text": "on it"}, patience_s=1)
        (waiting,) = stage.station(OFFICER).vault.outbox(stage.log)
        assert [kept.encode() for kept in holding.held] == [waiting.submission]
        with pytest.raises(TryLater):
            await officer._poster.flush()
        assert len(holding.held) == 1  # the same bytes each time, not one message many times
        stage.ahead_ms = WINDOW_MS + GRACE_MS + 60_000
        await officer._poster.flush()
        assert stage.station(OFFICER).vault.outbox(stage.log) == ()
        assert "message_late" in stage.notices(OFFICER)
        (file,) = folder.iterdir()
        kept = decode_map(file.read_bytes(), max_size=1 << 20)
        entry = Submission.decode(kept["submission"]).entry()
        verify_signature(entry, stage.station(OFFICER).vault.device_key.public)


async def test_a_late_entry_is_told_to_its_author_only_once(stages: Stages) -> None:
    """The server answers busy, and lets it in all the same: one entry, one receipt."""
    async with stages(Appends=Holding) as stage:
        holding = stage.server.part(Holding)
        holding.holds = lambda entry: entry.header.type == "message"
        officer = await stage.operation(OFFICER)
        with pytest.raises(TryLater):
            await officer.channel(ALERTS).post("MSG", {"text": "on it"}, patience_s=0.3)
        await holding.play()
        await stage.look(OFFICER, DEPUTY)
        await officer._poster.flush()
        for code in (OFFICER, DEPUTY):
            assert stage.texts(code)[-1] == "on it"
            assert stage.texts(code).count("on it") == 1
        assert stage.station(OFFICER).vault.outbox(stage.log) == ()
        stage.quiet()
