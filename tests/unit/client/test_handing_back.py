"""A client hands a restored server what it lost: all of it, in pages, and no more than is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cencomm_client import handing_back
from cencomm_client.answers import Standing, parse_standing
from cencomm_client.errors import AnswerMalformed
from cencomm_client.handing_back import Holding, hand_back
from cencomm_client.replica import Replica
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.tail import MAX_PART, TailPart
from cencomm_crypto.public.wire import Sequenced, encode_sequenced, encode_withheld
from cencomm_server.engine import lost_tail

from tests.support.directory import HeldPerson
from tests.support.engine import Served
from tests.support.restored import Restored, whole_again

LOST = 40
DIRECTORY = b"D" * 32


class Counter:
    """The server's side without its transports: what is sent goes through its bytes."""

    def __init__(self, scene: Restored, person: HeldPerson) -> None:
        self._scene, self._person = scene, person
        self.sent = 0

    async def tail(self, log: LogId, part: TailPart) -> Standing:
        """As `Transport`."""
        data = part.encode()
        assert len(data) <= MAX_PART
        self.sent += len(data)
        found = await self._scene.handing.take(
            Served.reader(self._person), log, TailPart.decode(data)
        )
        return parse_standing(
            {
                "size": found.size,
                "signed": found.signed,
                "wanted": found.wanted,
                "lacks": [list(places) for places in found.lacks],
            }
        )


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> Restored:
    """A server that lost forty entries, and small pages on both sides."""
    monkeypatch.setattr(handing_back, "FORMS_AT_ONCE", 7)
    monkeypatch.setattr(handing_back, "MAX_ITEMS", 3_000)
    monkeypatch.setattr(lost_tail, "MOST_RANGES", 3)
    return await Restored().restore(LOST)


def replica(
    scene: Restored, path: Path, holds: Callable[[Sequenced], bool] = lambda _: True
) -> Replica:
    """A device's replica; of the lost places it holds whole what `holds` says."""
    made = Replica.create(path, DIRECTORY)
    items = [
        encode_sequenced(item) if item.seq < scene.base or holds(item) else encode_withheld(item)
        for item in scene.operation.entries
    ]
    made.append(scene.log, 0, items, scene.note())
    return made


async def test_all_of_it_comes_back_in_pages(scene: Restored, tmp_path: Path) -> None:
    with replica(scene, tmp_path / "replica") as held:
        standing = await hand_back(Counter(scene, scene.officer), Holding(held, scene.log))
    assert standing == Standing(scene.signed, scene.signed, scene.signed, ())
    await whole_again(scene)


async def test_each_brings_what_it_holds_whole(scene: Restored, tmp_path: Path) -> None:
    """More gaps than one answer names: every one of them is looked at."""
    with replica(scene, tmp_path / "one", lambda item: item.seq % 2 == 0) as held:
        standing = await hand_back(Counter(scene, scene.officer), Holding(held, scene.log))
    assert (standing.size, standing.signed) == (scene.base, scene.signed)
    assert len(standing.lacks) == 3
    with replica(scene, tmp_path / "two", lambda item: item.seq % 2 == 1) as held:
        standing = await hand_back(Counter(scene, scene.other), Holding(held, scene.log))
    assert standing.size == standing.signed
    await whole_again(scene)


async def test_what_is_there_already_is_not_sent_again(scene: Restored, tmp_path: Path) -> None:
    with replica(scene, tmp_path / "replica", lambda item: item.seq != scene.base) as held:
        first, again = Counter(scene, scene.officer), Counter(scene, scene.officer)
        await hand_back(first, Holding(held, scene.log))
        standing = await hand_back(again, Holding(held, scene.log))
    assert standing.lacks == ((scene.base, scene.base + 1),)
    assert again.sent < 4_000 < first.sent


async def test_a_server_that_lost_nothing_is_asked_once(scene: Restored, tmp_path: Path) -> None:
    with replica(scene, tmp_path / "replica") as held:
        await hand_back(Counter(scene, scene.officer), Holding(held, scene.log))
        calm = Counter(scene, scene.other)
        await hand_back(calm, Holding(held, scene.log))
    assert calm.sent < 1_500


@pytest.mark.parametrize(
    "answer",
    [
        Standing(3, 9, 3, ((3, 9),)),
        Standing(3, 10**9, 3, ((3, 10**9),)),
        Standing(3, 9, 9, ((3, 4), (5, 6))),
        Standing(0, 10**9, 10**9, ((10**8, 10**9),)),
    ],
)
async def test_a_server_that_never_has_enough_gets_each_thing_once(
    scene: Restored, tmp_path: Path, answer: Standing
) -> None:
    calls = 0

    class Insatiable:
        async def tail(self, log: LogId, part: TailPart) -> Standing:
            nonlocal calls
            calls += 1
            assert calls < 100
            return answer

    with replica(scene, tmp_path / "replica") as held:
        assert await hand_back(Insatiable(), Holding(held, scene.log)) == answer


@pytest.mark.parametrize(
    "changed",
    [
        {"size": -1},
        {"size": 9},
        {"wanted": 9},
        {"lacks": None},
        {"lacks": [[3, 3]]},
        {"lacks": [[2, 4]]},
        {"lacks": [[3, 9]]},
        {"lacks": [[3, 5], [4, 6]]},
        {"lacks": [[3, True]]},
        {"lacks": [[3]]},
        {"lacks": [[3, 4]] * 2000},
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(changed: dict[str, object]) -> None:
    good = {"size": 3, "signed": 7, "wanted": 7, "lacks": [[3, 5]]}
    assert parse_standing(good).lacks == ((3, 5),)
    with pytest.raises(AnswerMalformed):
        parse_standing({**good, **changed})
