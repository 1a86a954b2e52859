"""A14: bytes that two parsers read as two things. There is one way to write an entry."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Sequenced, Submission
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_telling, shape
from tests.mallory.world import ALERTS, CHIEF, OFFICER, PLAN, WARNING

VERSION = b"\x61v\x01"  # the pair "v": 1 of every header


def longer_number(header: bytes) -> bytes:
    """1 written in two bytes: a lenient parser reads the same."""
    return header.replace(VERSION, b"\x61v\x18\x01", 1)


def key_twice(header: bytes) -> bytes:
    """ "v" stands twice: some parsers take the first, some the last."""
    assert header[0] & 0xE0 == 0xA0
    return bytes([header[0] + 1]) + VERSION + header[1:]


def other_order(header: bytes) -> bytes:
    """The first pair of the map goes to its end."""
    return header.replace(VERSION, b"", 1) + VERSION


def without_length(header: bytes) -> bytes:
    """A map of indefinite length."""
    return b"\xbf" + header[1:] + b"\xff"


def bytes_behind(header: bytes) -> bytes:
    """Something after the map: some parsers stop before it."""
    return header + b"\x00"


WAYS: tuple[Callable[[bytes], bytes], ...] = (
    longer_number,
    key_twice,
    other_order,
    without_length,
    bytes_behind,
)
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


async def speak(stage: Stage) -> None:
    """The officer has read up to here; then the chief says something."""
    await stage.look(CHIEF, OFFICER)
    chief = await stage.operation(CHIEF)
    await chief.channel(ALERTS).post("MSG", {"text": "stop the lorry"})


@honest_then_telling
@each_way
async def test_a_header_written_another_way_on_its_way_to_the_reader(
    stages: Stages, reading: type[Reading], way: Callable[[bytes], bytes]
) -> None:
    async with stages(Reading=reading) as stage:
        await speak(stage)
        last = stage.head().size - 1

        def rewritten(reader: Reader, item: Sequenced, data: bytes) -> bytes:
            if item.seq != last:
                return data
            form, seq, at, header, *rest = decode(data, max_size=1 << 16)
            return encode([form, seq, at, way(header), *rest])

        shape(stage, rewritten)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == "stop the lorry"
        else:
            stage.expect({"A14"}, OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN]


@each_way
async def test_a_header_that_its_author_wrote_and_signed_another_way(
    stages: Stages, way: Callable[[bytes], bytes]
) -> None:
    """Well signed over these very bytes: the server takes them from nobody."""
    async with stages() as stage:
        await stage.look(CHIEF, OFFICER)
        good = stage.message(OFFICER, ALERTS, "stop the lorry")
        assert good.body_bytes is not None
        header = way(good.header_bytes)
        key = stage.station(OFFICER).vault.device_key
        sig = key.sign(SigType.ENTRY, sha256(header) + sha256(good.body_bytes))
        submission = Submission(header, good.body_bytes, sig)
        refused = await refusal(stage.station(OFFICER).transport.append(stage.log, submission))
        assert refused in (ErrorCode.NOT_CANONICAL, ErrorCode.MALFORMED)
        await stage.post(OFFICER, good)
        await stage.look(CHIEF)
        assert stage.texts(CHIEF)[-1] == "stop the lorry"
        stage.quiet()


@honest_then_telling
async def test_an_item_written_another_way(stages: Stages, reading: type[Reading]) -> None:
    """The envelope too: its bytes are not signed, and yet there is one way to write them."""
    async with stages(Reading=reading) as stage:
        await speak(stage)
        last = stage.head().size - 1

        def rewritten(reader: Reader, item: Sequenced, data: bytes) -> bytes:
            return b"\x98\x06" + data[1:] if item.seq == last else data

        shape(stage, rewritten)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
        else:
            stage.expect({"A14"}, OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN]
