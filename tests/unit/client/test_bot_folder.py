"""A folder of hits: whole files only, each once, moved when it has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cencomm_client.bots.folder import Folder
from cencomm_client.bots.source import Outcome, RawHit, State


@asynccontextmanager
async def watching(folder: Folder) -> AsyncIterator[list[RawHit]]:
    """What the folder has given so far."""
    found: list[RawHit] = []

    async def watch() -> None:
        async for raw in folder.hits():
            found.append(raw)

    task = asyncio.create_task(watch())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def opened(path: Path, settle_s: float = 0.0) -> Folder:
    return Folder(path, settle_s=settle_s, look_s=0.01)


async def until(found: list[RawHit], count: int) -> None:
    async with asyncio.timeout(5):
        while len(found) < count:  # noqa: ASYNC110 - the folder is looked at by time
            await asyncio.sleep(0.01)


async def test_a_file_that_still_grows_is_left_alone(tmp_path: Path) -> None:
    async with watching(opened(tmp_path, settle_s=0.2)) as found:
        file = tmp_path / "slow.json"
        for part in ('{"a"', ": 1", ", ", '"b": 2', "}"):
            with file.open("a") as writing:
                writing.write(part)
            await asyncio.sleep(0.08)
            assert found == []
        await until(found, 1)
        assert json.loads(found[0].content) == {"a": 1, "b": 2}  # type: ignore[arg-type]  # bytes


async def test_a_file_is_given_once_and_again_only_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    async with watching(opened(tmp_path)) as found:
        await until(found, 1)
        await asyncio.sleep(0.1)
        assert len(found) == 1
    async with watching(opened(tmp_path)) as found:
        await until(found, 1)


async def test_what_has_ended_is_moved_with_its_outcome_beside(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.json").write_text("{}")
    raw = {name: RawHit(None, b"{}", f"{name}.json") for name in "abcd"}
    await folder.taken(raw["a"], Outcome(State.WAITING, "one"))
    await folder.taken(raw["b"], Outcome(State.WAITING, "one", known=True))  # a duplicate
    await folder.taken(raw["c"], Outcome(State.WAITING, "two"))
    await folder.taken(raw["d"], Outcome(State.INVALID, code="form_invalid"))
    assert (tmp_path / "a.json").exists()
    await folder.done("one", Outcome(State.POSTED, "one", seq=5, leaf=bytes(32)))
    await folder.done("two", Outcome(State.REFUSED, "two", code="too_large"))
    await folder.done("two", Outcome(State.REFUSED, "two", code="too_large"))  # told twice
    assert sorted(path.name for path in (tmp_path / "done").glob("?.json")) == ["a.json", "b.json"]
    assert sorted(path.name for path in (tmp_path / "refused").glob("?.json")) == [
        "c.json",
        "d.json",
    ]
    told = json.loads((tmp_path / "done" / "a.json.outcome.json").read_text())
    assert (told["state"], told["seq"]) == ("posted", 5)
    assert [name for name in "abcd" if (tmp_path / f"{name}.json").exists()] == []


async def test_a_name_that_comes_again_overwrites_nothing(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    for number in range(3):
        (tmp_path / "a.json").write_text(str(number))
        await folder.taken(RawHit(None, b"", "a.json"), Outcome(State.INVALID, code="form_invalid"))
    kept = {
        path.read_text()
        for path in (tmp_path / "refused").glob("a.json*")
        if "outcome" not in path.name
    }
    assert kept == {"0", "1", "2"}


async def test_only_regular_json_files_are_hits(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "link.json").symlink_to(tmp_path / "secret")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "note.txt").write_text("{}")
    async with watching(opened(tmp_path)) as found:
        await asyncio.sleep(0.1)
        assert found == []
        (tmp_path / "good.json").write_text("{}")
        await until(found, 1)
        (tmp_path / "good.json").unlink()  # whoever put it there took it away
        await asyncio.sleep(0.05)
        (tmp_path / "next.json").write_text("{}")
        await until(found, 2)
