"""Lists that are imported at once, or cut short: the list is always one whole import's."""

from __future__ import annotations

import os
import threading
import time
from collections import UserDict
from collections.abc import ItemsView
from pathlib import Path

import pytest
from cencomm_client.code_lists import LEFT_S, CodeLists


class Slow(UserDict[str, str]):
    """Rows that stop half way until `go` is set, or end the import."""

    def __init__(self, rows: dict[str, str], *, fails: bool = False) -> None:
        super().__init__(rows)
        self.reached, self.go, self.fails = threading.Event(), threading.Event(), fails

    def items(self) -> ItemsView[str, str]:
        """As of a map, at the pace that is asked for."""
        self.reached.set()
        assert self.go.wait(20)
        if self.fails:
            raise KeyboardInterrupt
        return super().items()


def files(folder: Path) -> list[str]:
    return sorted(one.name for one in (folder / "lists").iterdir())


def test_of_two_imports_at_once_both_end_well_and_the_later_list_stays(tmp_path: Path) -> None:
    lists, slow = CodeLists(tmp_path), Slow({"010121": "Horses", "010129": "Other"})
    ended: list[str] = []

    def first() -> None:
        lists._write("hs", "first", slow)
        ended.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert slow.reached.wait(20)
    lists._write("hs", "second", {"020110": "Carcasses"})
    assert lists.about("hs") == (1, "second")
    slow.go.set()
    thread.join(20)
    assert ended == ["first"]
    assert lists.about("hs") == (2, "first")
    assert lists.name_of("hs", "010121") == "Horses"
    assert lists.name_of("hs", "020110") is None
    assert files(tmp_path) == ["hs.sqlite"]


def test_an_import_that_is_cut_leaves_the_old_list_and_nothing_beside_it(tmp_path: Path) -> None:
    lists, cut = CodeLists(tmp_path), Slow({"010121": "Horses"}, fails=True)
    lists._write("hs", "old", {"020110": "Carcasses"})
    cut.go.set()
    with pytest.raises(KeyboardInterrupt):
        lists._write("hs", "new", cut)
    assert lists.about("hs") == (1, "old")
    assert files(tmp_path) == ["hs.sqlite"]


def test_what_a_killed_import_left_goes_with_the_next_but_not_what_runs_as_yet(
    tmp_path: Path,
) -> None:
    lists = CodeLists(tmp_path)
    lists._write("hs", "old", {"020110": "Carcasses"})
    left, runs, other = (tmp_path / "lists" / f"{name}.new" for name in ("hs.a", "hs.b", "loc.c"))
    for file in (left, runs, other):
        file.write_bytes(b"half")
    for file in (left, other):
        os.utime(file, (time.time() - LEFT_S - 60,) * 2)
    lists._write("hs", "new", {"020110": "Carcasses"})
    assert files(tmp_path) == ["hs.b.new", "hs.sqlite", "loc.c.new"]
