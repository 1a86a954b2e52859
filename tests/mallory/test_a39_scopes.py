"""A39: an entry of an own channel is passed off as another channel's, so that it is not shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cencomm_client.errors import LogAlarm
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import Receipt, Sequenced, Submission, encode_withheld
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_telling, shape, tell
from tests.mallory.world import ALERTS, ANALYST, CHIEF, OFFICER, PLAN, RAID, WARNING


async def speak(stage: Stage) -> int:
    """The others have read up to here; then the chief warns everybody. Its place."""
    await stage.look(CHIEF, OFFICER, ANALYST)
    chief = await stage.operation(CHIEF)
    posted = await chief.channel(ALERTS).post("MSG", {"text": "they are armed"})
    return posted.seq


@honest_then_telling
async def test_withheld_as_if_it_were_not_ones_own(stages: Stages, reading: type[Reading]) -> None:
    """56 bytes with the true scope: the reader knows that the channel is its own."""
    async with stages(Reading=reading) as stage:
        seq = await speak(stage)

        def withheld(reader: Reader, item: Sequenced, data: bytes) -> bytes:
            return encode_withheld(item) if item.seq == seq else data

        shape(stage, withheld)
        await stage.look(ANALYST)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(ANALYST) == [WARNING, "they are armed"]
        else:
            stage.expect({"A39"}, ANALYST)
            assert stage.texts(ANALYST) == [WARNING]


@honest_then_telling
async def test_withheld_under_another_channels_name(stages: Stages, reading: type[Reading]) -> None:
    """The scope is in the leaf: another one rebuilds no head that was signed."""
    async with stages(Reading=reading) as stage:
        seq = await speak(stage)
        raid = stage.chan(RAID)

        def disguised(reader: Reader, item: Sequenced, data: bytes) -> bytes:
            return encode_withheld(replace(item, scope=raid)) if item.seq == seq else data

        shape(stage, disguised)
        await stage.look(ANALYST)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(ANALYST)[-1] == "they are armed"
        else:
            stage.expect({"A4"}, ANALYST)  # its own tree says so
            assert stage.texts(ANALYST) == [WARNING]


class Disguising(Appends):
    """Puts each message into the tree as one of `raid`, and signs and acknowledges that tree."""

    async def append(self, log: LogId, submission: Submission, poster: Reader | None) -> Receipt:
        receipt = await super().append(log, submission, poster)
        runtime = await self._logs.get(log)
        if submission.entry().header.type != "message":
            return receipt
        leaves = [runtime.replay.tree.leaf(seq) for seq in range(receipt.seq)]
        raid = next(c.id for c in runtime.replay.state.channels.values() if c.name == RAID)  # type: ignore[union-attr]
        entry = submission.entry()
        item = Sequenced(receipt.seq, receipt.at, raid, entry.inner, entry)
        tree = Tree([*leaves, item.leaf])
        note = self._logs.signer.sign(log, tree.size, tree.root(), runtime.log_key())
        return Receipt(receipt.seq, receipt.at, note, tree.inclusion(receipt.seq, tree.size))


async def test_a_lie_that_the_host_signs_for_everybody(stages: Stages) -> None:
    """Who is not in `raid` cannot tell; the author can, and everybody who sees it whole."""
    for appends in (Appends, Disguising):
        async with stages(Appends=appends) as stage:
            await stage.look(CHIEF, OFFICER, ANALYST)
            chief = await stage.operation(CHIEF)
            posting = chief.channel(ALERTS).post("MSG", {"text": "they are armed"}, patience_s=1)
            if appends is Appends:
                await posting
                await stage.look(ANALYST)
                assert stage.texts(ANALYST)[-1] == "they are armed"
                stage.quiet()
                continue
            with pytest.raises(LogAlarm) as caught:
                await posting
            assert caught.value.row == "A6"  # for the author it is a receipt that proves nothing
            assert len(stage.station(CHIEF).vault.outbox()) == 1


@honest_then_telling
async def test_a_whole_item_in_a_tree_that_says_another_scope(
    stages: Stages, reading: type[Reading]
) -> None:
    """Shown whole to a member of `raid`: the header says what it is."""
    async with stages(Reading=reading) as stage:
        seq = await speak(stage)
        raid = stage.chan(RAID)

        def disguised(items: list[Sequenced]) -> list[Sequenced]:
            return [replace(item, scope=raid) if item.seq == seq else item for item in items]

        tell(stage, disguised)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == "they are armed"
        else:
            stage.expect({"A4"}, OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN]
