"""A49: a withheld body is called erased. Before an erasure a missing body is an alarm."""

from __future__ import annotations

import pytest
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.wire import ERASED, Sequenced
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stages
from tests.mallory.hostile import honest_then_telling, shape
from tests.mallory.world import ALERTS, CHIEF, CONTACT, DEPUTY, MEMBERS, OFFICER, PLAN, WARNING

ORDER = "leave the lorry alone"


def bare(kind: str) -> object:
    """Entries of a type go out without their body: header, its hash and the true signature."""

    def change(reader: Reader, item: Sequenced, data: bytes) -> bytes:
        entry = item.entry
        if entry is None or entry.header.type != kind:
            return data
        erased = [ERASED, item.seq, item.at, entry.header_bytes, entry.body_hash, entry.sig]
        return encode(erased)

    return change


@honest_then_telling
async def test_a_message_said_to_be_erased(stages: Stages, reading: type[Reading]) -> None:
    """Its leaf is true, its place is true; only its words are gone, and nobody erased them."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": ORDER})
        shape(stage, bare("message"))  # type: ignore[arg-type]
        await stage.look(DEPUTY, OFFICER)
        for code in (DEPUTY, OFFICER):
            if reading is Reading:
                assert stage.texts(code) == [WARNING, PLAN, ORDER]
                continue
            last = stage.messages(code)[-1]
            assert last.content is None
            assert last.damage is not None
            assert "erased" not in last.damage.detail
            assert stage.texts(code) == [WARNING, PLAN]
        if reading is Reading:
            stage.quiet()
        else:
            stage.expect({"A49"}, DEPUTY, OFFICER)


@honest_then_telling
@pytest.mark.parametrize("log", ["operation", "directory"])
async def test_a_decision_said_to_be_erased(
    stages: Stages, reading: type[Reading], log: str
) -> None:
    """Control bodies are never erased: the log stops where one is missing."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        if log == "operation":
            await chief.hold("evidence in another case")
            shape(stage, bare("hold"))  # type: ignore[arg-type]
        else:
            await (await stage.client(DEPUTY)).directory.suspend(OFFICER)
            shape(stage, bare("person.suspend"))  # type: ignore[arg-type]
        size = stage.size(CONTACT)
        await stage.look(CONTACT)
        if reading is Reading:
            stage.quiet()
            assert len(stage.shown(CONTACT).state.holds) == (log == "operation")
            return
        assert stage.size(CONTACT) == size
        assert not stage.shown(CONTACT).state.holds
        stage.expect({"A49"}, CONTACT)
