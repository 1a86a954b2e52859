"""A19: a removed member reads on, with its whole vault and a server that denies it nothing."""

from __future__ import annotations

from dataclasses import replace

from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_server.engine.access import Access
from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.wraps import OwnWraps, own_wraps

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import opened_by
from tests.mallory.world import ALERTS, ANALYST, CHIEF, MEMBERS, OFFICER, WARNING

LATER = "without Belgium's analyst"
STAY = tuple(code for code in MEMBERS if code != ANALYST)


async def remove_and_go_on(stage: Stage, *removed: str) -> None:
    """The chief removes somebody (or nobody) and posts."""
    await stage.look(*MEMBERS)
    chief = await stage.operation(CHIEF)
    if removed:
        await chief.remove(removed)
    await chief.channel(ALERTS).post("MSG", {"text": LATER})
    await stage.look(*MEMBERS)


async def test_with_every_byte_of_the_server_it_opens_nothing_new(stages: Stages) -> None:
    for removed in ((), (ANALYST,)):
        async with stages() as stage:
            await remove_and_go_on(stage, *removed)
            opened = await opened_by(stage, ANALYST, CHIEF)
            mine = set((await opened_by(stage, CHIEF, CHIEF)).values())
            assert {WARNING, LATER} <= mine
            assert set(opened.values()) == ({WARNING} if removed else {WARNING, LATER})
            assert stage.texts(ANALYST) == ([WARNING] if removed else [WARNING, LATER])
            assert all(stage.texts(code)[-1] == LATER for code in STAY)
            stage.quiet()


class Generous(Reading):
    """Denies who left nothing: every entry whole, and the wrap of whoever made the epoch.

    In the place of `Reading`.
    """

    async def _open(self, reader: Reader, log: LogId) -> tuple[LogRuntime, Access]:
        runtime = await self._logs.get(log)
        return runtime, Access(runtime.size, lambda _seq, _scope: True)

    async def wraps(self, reader: Reader, log: LogId, chan: ChannelId, n: int) -> OwnWraps:
        runtime = await self._logs.operation(log)
        assert runtime.state is not None
        author = runtime.state.channels[chan].epochs[n].author
        return await own_wraps(self._logs.store, runtime, author, chan, n)


async def test_its_client_shows_nothing_of_what_it_was_not_to_have(stages: Stages) -> None:
    """Its client says for each later message that it has no key."""
    for reading in (Reading, Generous):
        async with stages(Reading=reading) as stage:
            await remove_and_go_on(stage, ANALYST)
            await stage.look(ANALYST)
            later = [item for item in stage.messages(ANALYST) if item.epoch > 1]
            assert stage.texts(ANALYST) == [WARNING]
            if reading is Reading:
                assert later == []
                assert stage.size(ANALYST) < stage.head().size
                stage.quiet()
            else:
                assert later
                assert {item.damage.code for item in later if item.damage} == {
                    ErrorCode.NO_EPOCH_KEY
                }
                assert all(item.content is None for item in later)
                assert stage.size(ANALYST) == stage.head().size


@honest_then_careless
async def test_what_it_says_in_the_old_epoch_is_not_heard(
    stages: Stages, appends: type[Appends]
) -> None:
    """Its own client refuses; signed by hand, the server and every other client do."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        entry = stage.message(ANALYST, ALERTS, "I am still here")
        await remove_and_go_on(stage, ANALYST)
        operation = await stage.operation(ANALYST)
        posting = operation.channel(ALERTS).post("MSG", {"text": "and here"}, patience_s=0.2)
        assert await refusal(posting) == ErrorCode.NOT_MEMBER
        entry = stage.sign(
            ANALYST, replace(entry.header, seen=stage.head()), entry.body_bytes or b""
        )
        refused = await stage.offer(ANALYST, entry)
        await stage.look(*STAY)
        assert all(stage.texts(code)[-1] == LATER for code in STAY)
        if appends is Appends:
            assert refused == ErrorCode.NOT_MEMBER
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A1"}, *STAY)


@honest_then_careless
async def test_what_a_member_sealed_for_it_too_is_not_heard(
    stages: Stages, appends: type[Appends]
) -> None:
    """The officer's old message, sealed where the removed one reads, comes after the removal:
    before the next rotate, and after it."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        first, second = (stage.message(OFFICER, ALERTS, text) for text in ("to all", "to all 2"))
        chief = await stage.operation(CHIEF)
        await chief.remove([ANALYST])
        codes = [await stage.offer(OFFICER, first)]
        await chief.channel(ALERTS).post("MSG", {"text": LATER})
        codes.append(await stage.offer(OFFICER, second))
        await stage.look(*STAY)
        for code in STAY:
            assert stage.texts(code)[-1] == LATER
            assert "to all" not in stage.texts(code)
        if appends is Appends:
            assert codes == [ErrorCode.STALE_EPOCH, ErrorCode.WRONG_EPOCH]
            stage.quiet()
            officer = await stage.operation(OFFICER)
            await officer.channel(ALERTS).post("MSG", {"text": "to who is left"})
            await stage.look(*STAY, ANALYST)
            assert all(stage.texts(code)[-1] == "to who is left" for code in STAY)
            assert stage.texts(ANALYST) == [WARNING]
        else:
            assert codes == ["", ""]
            stage.expect({"A3", "A7"}, *STAY)
