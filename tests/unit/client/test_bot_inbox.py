"""A folder that anybody may write into: no hit is lost there, no other file is touched."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cencomm_client.bots.checking import KIND, checked
from cencomm_client.bots.folder import AT_ONCE, Folder
from cencomm_client.bots.inbox import File, Inbox
from cencomm_client.bots.source import Outcome, RawHit, State
from cencomm_client.errors import FolderUnusable
from cencomm_config.forms import FormInvalid

from tests.unit.client.test_bot_folder import until, watching

INVALID = Outcome(State.INVALID, code="form_invalid")


def posted(key: str) -> Outcome:
    return Outcome(State.POSTED, key, seq=1, leaf=bytes(32))


def rested(path: Path, data: bytes = b"{}") -> Path:
    """A file that nobody has touched for a while."""
    path.write_bytes(data)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def keen(path: Path) -> Folder:
    return Folder(path, settle_s=30.0, look_s=0.01, unreadable_s=0.0)


async def test_what_rests_already_is_taken_at_once_after_a_restart(tmp_path: Path) -> None:
    rested(tmp_path / "old.json")
    (tmp_path / "new.json").write_text("{")  # may still grow
    async with watching(keen(tmp_path)) as found:
        await until(found, 1)
        assert [raw.token.name for raw in found] == ["old.json"]  # type: ignore[attr-defined]  # a File


async def test_a_file_that_is_replaced_while_it_waits_is_a_hit_of_its_own(tmp_path: Path) -> None:
    folder = keen(tmp_path)
    async with watching(folder) as found:
        rested(tmp_path / "hit.json", b'{"dedupe": "first"}')
        await until(found, 1)
        await folder.taken(found[0], Outcome(State.WAITING, "first"))
        rested(tmp_path / "fresh", b'{"dedupe": "second"}').replace(tmp_path / "hit.json")
        await folder.done("first", posted("first"))
        assert (tmp_path / "hit.json").read_bytes() == b'{"dedupe": "second"}'
        await until(found, 2)
        assert found[1].content == b'{"dedupe": "second"}'
        await folder.taken(found[1], Outcome(State.WAITING, "second"))
        await folder.done("second", posted("second"))
    told = json.loads((tmp_path / "done" / "hit.json.outcome.json").read_text())
    assert (told["key"], (tmp_path / "hit.json").exists()) == ("second", False)


def test_a_file_that_is_replaced_in_the_moment_of_moving_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(tmp_path)
    rested(tmp_path / "hit.json", b"first")
    file = File("hit.json", inbox.listed()["hit.json"])
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        rested(tmp_path / "fresh", b"second, not read").replace(tmp_path / "hit.json")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    inbox.move(file, "done", "{}")
    assert (tmp_path / "hit.json").read_bytes() == b"second, not read"


@pytest.mark.parametrize("name", ["a\nb.json", "\x1b[2J.json", "‮nosj.json", "x" * 250 + ".json"])
async def test_a_name_of_any_bytes_has_its_outcome(tmp_path: Path, name: str) -> None:
    rested(tmp_path / name)
    rested(tmp_path / os.fsdecode(b"\xff\xfe.JSON"))
    folder = keen(tmp_path)
    async with watching(folder) as found:
        await until(found, 2)
        for raw in found:
            await folder.taken(raw, INVALID)
    assert Inbox(tmp_path).listed() == {}
    assert len(list((tmp_path / "refused").glob("*.outcome.json"))) == 2


@pytest.mark.parametrize("name", ["done", "refused", "results"])
def test_a_link_in_the_place_of_its_folders_is_refused(tmp_path: Path, name: str) -> None:
    inbox, elsewhere = tmp_path / "inbox", tmp_path / "elsewhere"
    inbox.mkdir()
    elsewhere.mkdir()
    (inbox / name).symlink_to(elsewhere)
    with pytest.raises(FolderUnusable, match="no link"):
        Folder(inbox)


async def test_no_outcome_is_written_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    folder = keen(tmp_path)
    rested(tmp_path / "a.json")
    for name in ("a.json", "a.json.outcome.json", "a.json.1.outcome.json"):
        (tmp_path / "refused" / name).symlink_to(precious)
    async with watching(folder) as found:
        await until(found, 1)
        await folder.taken(found[0], INVALID)
    assert precious.read_text() == "keep me"
    assert (tmp_path / "refused" / "a.json.1").read_text() == "{}"


async def test_a_file_that_may_not_be_read_is_told_once_and_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested(tmp_path / "closed.json")
    real = Inbox.read

    def denied(self: Inbox, file: File, most: int) -> bytes:  # tests may run as root
        if file.name == "closed.json":
            raise PermissionError
        return real(self, file, most)

    monkeypatch.setattr(Inbox, "read", denied)
    folder = keen(tmp_path)
    async with watching(folder) as found:
        await until(found, 1)
        with pytest.raises(FormInvalid) as wrong:
            checked(found[0], KIND, 1_790_000_000_000)
        assert wrong.value.errors[0].read == "a file that this program may not read"
        await folder.taken(found[0], INVALID)
        rested(tmp_path / "good.json")
        await until(found, 2)
    assert (tmp_path / "refused" / "closed.json").exists()
    assert len(found) == 2


async def test_what_takes_the_place_of_a_file_while_it_is_read_is_not_followed(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    inbox = Inbox(tmp_path)
    replacing: tuple[Callable[[Path], object], ...] = (
        lambda path: path.symlink_to(secret),
        os.mkfifo,
        Path.mkdir,
    )
    for number, place in enumerate(replacing):
        rested(tmp_path / "a.json")
        folder = keen(tmp_path)
        ((file,), _) = folder._ready()
        (tmp_path / "a.json").unlink()
        place(tmp_path / "a.json")
        assert folder._read([file]) == []
        assert inbox.listed() == {}
        (tmp_path / "a.json").rename(tmp_path / f"aside-{number}")


async def test_thousands_of_files_are_each_given_once(tmp_path: Path) -> None:
    count = 5 * AT_ONCE + 3
    for number in range(count):
        (tmp_path / f"{number}.json").write_text(str(number))
    given: list[RawHit] = []
    async for raw in Folder(tmp_path, settle_s=0.0, look_s=0.0, once=True).hits():
        given.append(raw)
    assert sorted(int(raw.content) for raw in given) == list(range(count))  # type: ignore[arg-type]  # bytes


async def test_a_name_that_comes_again_and_again_is_not_searched_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, real = Inbox(tmp_path), os.path.lexists
    looked: list[str] = []

    def looking(path: str) -> bool:
        looked.append(path)
        return real(path)

    monkeypatch.setattr(os.path, "lexists", looking)
    for _ in range(40):
        rested(tmp_path / "export.json")
        inbox.move(File("export.json"), "done", "{}")
    assert len(looked) <= 2 * 40


async def test_a_folder_that_goes_away_has_a_code(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    folder = Folder(tmp_path / "inbox")
    for path in (tmp_path / "inbox").iterdir():
        path.rmdir()
    (tmp_path / "inbox").rmdir()
    with pytest.raises(FolderUnusable, match="ENOENT"):
        async for _ in folder.hits():
            pass
