"""A bot's queue on the disk, and the hour that its admission allows."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.bots.allowance import HOUR_MS, SLOT_MS, Allowance
from cencomm_client.bots.checking import Hit
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.queued import Counts, Stage
from cencomm_client.errors import QueueDamaged, QueueUnwritable
from cencomm_crypto.public.ids import LogId
from hypothesis import given
from hypothesis import strategies as st

KEY, LOG, NOW = bytes(range(32)), LogId(b"l" * 16), 1_790_000_000_000


def opened(folder: Path, key: bytes = KEY, log: LogId = LOG) -> Queue:
    return Queue(folder / "queue", key, log)


def hit(key: str = "a", **content: Any) -> Hit:
    return Hit(key, "HIT", {"dedupe": key, **content})


def test_a_key_is_kept_once_and_with_the_same_mid_for_ever(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    (first,) = queue.put("folder", [hit(score=1)], NOW)
    again, other = queue.put("folder", [hit(score=2), hit("b")], NOW)
    assert (first.fresh, again.fresh, other.fresh) == (True, False, True)
    assert again.row == first.row
    (waiting, _) = queue.waiting(10)
    assert waiting.content == {"dedupe": "a", "score": 1}
    queue.sign([(waiting.row, b"bytes")], NOW)
    queue.end(again=[waiting.row])
    queue.close()
    reopened = opened(tmp_path)
    assert reopened.waiting(1)[0].mid == waiting.mid
    assert reopened.waiting(1)[0].content == waiting.content


def test_what_is_at_hand_is_what_the_disk_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of it is, and in whatever order hits go out, come back and come in."""
    monkeypatch.setattr("cencomm_client.bots.queue.MOST_AT_HAND", 200)
    queue = opened(tmp_path)
    said = ["first"]
    queue.put("s", [hit(key, matched=said) for key in "abcdefgh"], NOW)
    said[0] = "changed by the source, afterwards"
    for _ in range(2):  # at hand the first time, read back the second
        assert queue.waiting(5) == opened(tmp_path).waiting(5)
    rows = [one.row for one in queue.waiting(3)]
    queue.sign([(row, b"bytes") for row in rows], NOW)
    queue.put("s", [hit(key) for key in "ijkl"], NOW)
    queue.end(again=rows[:1], posted=[(rows[1], 7, b"l" * 32)], refused=[(rows[2], "too_large")])
    queue.put_back(rows[2:])
    assert queue.waiting(99) == opened(tmp_path).waiting(99)
    assert [one.key for one in queue.waiting(99)] == [*"acdefghijkl"]


def test_a_hit_that_did_not_come_onto_the_disk_is_not_at_hand(tmp_path: Path) -> None:
    """The process is killed, or the disk is full, in the middle of a batch."""
    queue = opened(tmp_path)
    with pytest.raises(Exception, match="float"):
        queue.put("s", [hit("a"), hit("b", score=0.5)], NOW)
    assert queue.waiting(9) == []
    queue.put("s", [hit("c")], NOW)  # its row is the one that "a" would have had
    assert [one.key for one in queue.waiting(9)] == ["c"]


def test_two_sources_have_keys_of_their_own(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    made = [queue.put(source, [hit()], NOW)[0].fresh for source in ("a", "b", "a")]
    assert made == [True, True, False]
    assert queue.put("ab", [hit("c")], NOW)[0].fresh
    assert queue.put("a", [hit("bc")], NOW)[0].fresh  # no way to write one as the other


def test_what_was_signed_is_found_after_a_crash_and_what_ended_is_told(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.put("s", [hit(key) for key in "abcd"], NOW)
    rows = {one.key: one.row for one in queue.waiting(9)}
    queue.sign([(rows[key], key.encode()) for key in "abc"], NOW)
    queue.end(posted=[(rows["a"], 7, b"l" * 32)], refused=[(rows["b"], "too_large")])
    again = opened(tmp_path)  # without close: as after kill -9
    assert [(one.key, one.submission) for one in again.signed()] == [("c", b"c")]
    assert [one.key for one in again.waiting(9)] == ["d"]
    assert again.counts() == Counts(1, 1, 1, 1, NOW)
    posted, refused = again.put("s", [hit("a"), hit("b")], NOW)
    assert (posted.stage, posted.seq, posted.leaf) == (Stage.POSTED, 7, b"l" * 32)
    assert (refused.stage, refused.code) == (Stage.REFUSED, "too_large")


def test_what_was_refused_is_put_back_with_its_content_and_mid(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.put("s", [hit(key, score=1) for key in "abc"], NOW)
    before = {one.key: one for one in queue.waiting(9)}
    queue.sign([(one.row, b"bytes") for one in before.values()], NOW)
    rows = [(one.row, "too_large") for one in before.values() if one.key != "c"]
    queue.end(posted=[(before["c"].row, 7, b"l" * 32)], refused=rows)
    found = queue.refused()
    assert [(one.source, one.key, one.code) for one in found] == [
        ("s", "a", "too_large"),
        ("s", "b", "too_large"),
    ]
    queue.put_back([found[0].row, before["c"].row])  # of what is in the log nothing goes back
    assert queue.waiting(9) == [before["a"]]
    assert [one.key for one in opened(tmp_path).refused()] == ["b"]
    assert queue.counts() == Counts(1, 0, 1, 1, NOW)


def test_what_was_erased_leaves_the_queue_and_its_file(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    rows = [kept.row for kept in queue.put("folder", [hit(key, score=1) for key in "abcd"], NOW)]
    queue.sign([(row, b"signed bytes %d" % row) for row in rows[1:]], NOW)
    queue.end(posted=[(rows[3], 7, b"l" * 32)], refused=[(rows[2], "too_large")])
    with sqlite3.connect(tmp_path / "queue") as looked:
        found = looked.execute("SELECT content, entry FROM hits").fetchall()
    said = [part for row in found for part in row if part is not None]
    assert len(said) == 4  # three contents, one that may be in the log already
    queue.forget()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(part in held for part in said)
    assert (queue.waiting(9), queue.signed()) == ([], [])
    assert [row.code for row in queue.refused()] == ["body_erased", "body_erased", "too_large"]
    queue.put_back(rows)
    assert queue.waiting(9) == []
    assert not any(kept.fresh for kept in queue.put("folder", [hit(key) for key in "abcd"], NOW))


def test_a_write_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    with pytest.raises(Exception, match="float"):
        queue.put("s", [hit("a"), hit("b", score=0.5)], NOW)
    assert queue.counts().waiting == 0
    assert queue.put("s", [hit("a")], NOW)[0].fresh


def test_a_full_disk_has_a_code_and_what_was_kept_before_is_there(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.put("s", [hit("a")], NOW)
    queue._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(QueueUnwritable, match="full"):
        queue.put("s", [hit(f"b{number}", remarks="x" * 2000) for number in range(100)], NOW)
    queue._db.execute("PRAGMA max_page_count = 1000000")
    queue.put("s", [hit("c")], NOW)
    assert [one.key for one in queue.waiting(99)] == ["a", "c"]
    assert [one.key for one in opened(tmp_path).waiting(99)] == ["a", "c"]


def test_a_queue_that_a_full_disk_does_not_open_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set aside as damaged, its hits would never go out."""

    def full(self: Queue) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "_expect_own", full)
        with pytest.raises(QueueUnwritable):
            opened(tmp_path)
    opened(tmp_path).put("s", [hit("a")], NOW)


def test_a_queue_of_another_vault_or_operation_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with pytest.raises(QueueDamaged):
        opened(tmp_path, key=bytes(32))
    with pytest.raises(QueueDamaged):
        opened(tmp_path, log=LogId(b"m" * 16))
    (tmp_path / "queue").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    for beside in tmp_path.glob("queue-*"):
        beside.unlink()
    with pytest.raises(QueueDamaged):
        opened(tmp_path)


def test_a_row_that_somebody_moved_or_changed_does_not_open(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.put("s", [hit("a"), hit("b", score=1)], NOW)
    queue.close()
    with sqlite3.connect(tmp_path / "queue") as database:
        database.execute(
            "UPDATE hits SET content = (SELECT content FROM hits WHERE row = 2) WHERE row = 1"
        )
    with pytest.raises(QueueDamaged):
        opened(tmp_path).waiting(1)


def test_requests_are_remembered_and_forgotten_in_time(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.keep_request("one", b"h" * 32, {"state": "waiting"}, NOW, NOW - 10)
    queue.keep_request("one", b"x" * 32, {"state": "other"}, NOW, NOW - 10)
    assert opened(tmp_path).request("one") == (b"h" * 32, {"state": "waiting"})
    queue.keep_request("two", b"h" * 32, {}, NOW + 100, NOW + 50)
    assert queue.request("one") is None


@given(
    rate=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, HOUR_MS // 8), st.integers(1, 20)), max_size=60),
)
def test_no_hour_ever_holds_more_than_the_rate(rate: int, steps: list[tuple[int, int]]) -> None:
    allowance, now, spent = Allowance(rate), NOW, []
    for pause, wish in steps:
        now += pause
        count = min(wish, allowance.left(now))
        if count:
            allowance.spend(now, count)
            spent.append((now, count))
        assert sum(n for at, n in spent if now - HOUR_MS < at <= now) <= rate
        assert (allowance.next_at(now) == now) == (allowance.left(now) > 0)
    later = allowance.next_at(now)
    assert allowance.left(later) > 0
    assert later <= now + HOUR_MS + SLOT_MS


def test_the_hour_goes_on_after_a_restart(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.put("s", [hit(str(number)) for number in range(7)], NOW)
    rows = [one.row for one in queue.waiting(7)]
    queue.sign([(row, b"") for row in rows[:3]], NOW)
    queue.sign([(row, b"") for row in rows[3:5]], NOW + HOUR_MS // 2)
    now = NOW + HOUR_MS // 2 + 1
    allowance = Allowance(6, opened(tmp_path).signed_since(now - HOUR_MS))
    assert allowance.left(now) == 1
    assert allowance.left(NOW + HOUR_MS + 2 * SLOT_MS) == 4


def test_a_clock_that_was_ahead_for_a_moment_keeps_no_hit_back_until_that_day(
    tmp_path: Path,
) -> None:
    """A machine that starts with a wrong clock, and is set right."""
    week = 7 * 24 * HOUR_MS
    running = Allowance(10)
    running.spend(NOW + week, 4)
    assert running.left(NOW) == 6
    running.spend(NOW, 6)
    assert (running.left(NOW), running.next_at(NOW) <= NOW + HOUR_MS + SLOT_MS) == (0, True)
    assert running.left(NOW + HOUR_MS + SLOT_MS) == 10
    queue = opened(tmp_path)
    queue.put("s", [hit("a")], NOW)
    queue.sign([(queue.waiting(1)[0].row, b"")], NOW + week)
    restarted = Allowance(1, queue.signed_since(NOW - HOUR_MS))
    assert restarted.left(NOW) == 0
    assert restarted.left(NOW + HOUR_MS + 2 * SLOT_MS) == 1
