"""A log as its readers rebuild it: what is the server's fault stops them, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cencomm_crypto.errors import DirectoryBehind, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.entry import Entry, author, parse
from cencomm_crypto.public.ids import ZERO_SCOPE
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.replay import UNDO_DEPTH, DirectoryLog, OperationLog
from cencomm_crypto.public.wire import (
    Sequenced,
    decode_sequenced_stream,
    encode_sequenced,
    sequence,
)

from tests.support.cast import Cast
from tests.support.directory import DirectoryBuilder


def stopped(log: DirectoryLog | OperationLog, item: Sequenced) -> str:
    """The code with which the reader stops; nothing was taken in."""
    size, root = log.size, log.root(log.size)
    with pytest.raises(ProtocolError) as caught:
        log.apply(item)
    assert (log.size, log.root(log.size)) == (size, root)
    return caught.value.code


def withheld(item: Sequenced) -> Sequenced:
    """The 56 bytes of an item."""
    return Sequenced(item.seq, item.at, item.scope, item.inner, None)


def whole(item: Sequenced) -> Entry:
    assert item.entry is not None
    return item.entry


def carried(items: list[Sequenced]) -> list[Sequenced]:
    """The items as another process reads them."""
    return decode_sequenced_stream(b"".join(encode_sequenced(item) for item in items))


@pytest.fixture
def directory() -> DirectoryBuilder:
    builder = DirectoryBuilder()
    france = builder.administration("FR")
    builder.person(france, devices=2)
    return builder


@pytest.fixture
def cast() -> Cast:
    return Cast.fresh()


def next_of(directory: DirectoryBuilder) -> Sequenced:
    """A good item to change."""
    poster = directory.by_governance("admin.add", {
        "code": "NL", "root": directory.signing_key("root").public})  # fmt: skip
    return directory.sequenced(poster)


# -- place -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-1, 1, 1000])
def test_a4_a_gap_or_a_place_given_twice_stops_the_reader(
    directory: DirectoryBuilder, cast: Cast, step: int
) -> None:
    item = next_of(directory)
    moved = replace(item, seq=item.seq + step)
    assert stopped(directory.log, moved) == ErrorCode.LOG_DAMAGED
    item = cast.operation.sequenced(cast.operation.sealed(cast.work))
    moved = replace(item, seq=item.seq + step)
    assert stopped(cast.operation.log, moved) == ErrorCode.LOG_DAMAGED


def test_time_that_goes_back_stops_the_reader(directory: DirectoryBuilder, cast: Cast) -> None:
    item, last = next_of(directory), directory.entries[-1].at
    assert stopped(directory.log, replace(item, at=last - 1)) == ErrorCode.LOG_DAMAGED
    assert not isinstance(directory.log.check(replace(item, at=last)), Rejected)
    operation = cast.operation
    item, last = operation.sequenced(operation.sealed(cast.work)), operation.entries[-1].at
    assert stopped(operation.log, replace(item, at=last - 1)) == ErrorCode.LOG_DAMAGED
    assert not isinstance(operation.log.check(replace(item, at=last)), Rejected)


def test_time_does_not_go_back_behind_a_rejected_or_a_withheld_entry(cast: Cast) -> None:
    operation = cast.operation
    early = operation.clock
    operation.wait(60_000)
    operation.force(operation.author("hold", {"reason": "none"}, cast.officer))
    item = replace(operation.sequenced(operation.sealed(cast.work)), at=early)
    assert stopped(operation.log, item) == ErrorCode.LOG_DAMAGED
    operation.wait(60_000)
    hidden = withheld(operation.sequenced(operation.sealed(cast.work)))
    operation.log.apply(hidden)
    item = sequence(operation.log.size, early, operation.sealed(cast.work))
    assert stopped(operation.log, item) == ErrorCode.LOG_DAMAGED


def test_a39_a_control_entry_is_never_withheld(cast: Cast) -> None:
    hold = cast.operation.sequenced(cast.operation.author("hold", {"reason": "r"}, cast.chief))
    assert stopped(cast.operation.log, withheld(hold)) == ErrorCode.LOG_DAMAGED


def test_a39_an_entry_passed_off_as_another_channels_stops_the_reader(cast: Cast) -> None:
    item = cast.operation.sequenced(cast.operation.sealed(cast.work))
    for scope in (ZERO_SCOPE, cast.operation.main):
        assert stopped(cast.operation.log, replace(item, scope=scope)) == ErrorCode.LOG_DAMAGED
    assert stopped(cast.operation.log, replace(item, inner=bytes(32))) == ErrorCode.LOG_DAMAGED


def test_the_directory_withholds_nothing(directory: DirectoryBuilder) -> None:
    assert stopped(directory.log, withheld(next_of(directory))) == ErrorCode.LOG_DAMAGED
    hidden = replace(withheld(next_of(directory)), scope=b"x" * 16)
    assert stopped(directory.log, hidden) == ErrorCode.LOG_DAMAGED


def test_the_genesis_is_never_withheld(cast: Cast) -> None:
    first = cast.operation.entries[0]
    for scope in (ZERO_SCOPE, cast.work):
        log = OperationLog(cast.directory.log)
        assert stopped(log, replace(withheld(first), scope=scope)) == ErrorCode.LOG_DAMAGED


# -- which log -------------------------------------------------------------------------------------


def test_a48_another_genesis_than_the_one_pinned_is_refused(cast: Cast) -> None:
    operation, directory = cast.operation, cast.directory
    assert stopped(OperationLog(directory.log, bytes(32)), operation.entries[0]) == (
        ErrorCode.WRONG_LOG
    )
    assert stopped(DirectoryLog(bytes(32)), directory.entries[0]) == ErrorCode.WRONG_LOG
    pinned = OperationLog(directory.log, operation.log.id32)
    pinned.apply(operation.entries[0])
    assert pinned.state == OperationLog(directory.log).check(operation.entries[0])


def test_a7_an_entry_signed_for_another_log_stops_the_reader(cast: Cast) -> None:
    other = cast.operation.author("hold", {"reason": "r"}, cast.chief, log=b"x" * 16)
    item = cast.operation.sequenced(other)
    assert stopped(cast.operation.log, item) == ErrorCode.WRONG_LOG


def test_a_second_genesis_and_a_first_entry_that_is_none_stop_the_reader(cast: Cast) -> None:
    operation = cast.operation
    first = whole(operation.entries[0])
    again = author(first.header, first.body or {}, cast.chief.device.sign)
    assert stopped(operation.log, operation.sequenced(again)) == ErrorCode.LOG_DAMAGED
    moved = replace(operation.entries[1], seq=0)
    assert stopped(OperationLog(cast.directory.log), moved) == ErrorCode.LOG_DAMAGED


def test_a_genesis_that_the_rules_reject_makes_no_log(cast: Cast) -> None:
    entry = cast.operation.author("operation.genesis", cast.operation.genesis_body, cast.officer)
    log = OperationLog(cast.directory.log)
    with pytest.raises(ProtocolError) as caught:
        log.apply(sequence(0, cast.operation.clock, entry))
    assert caught.value.code == ErrorCode.NOT_PERMITTED
    assert log.size == 0
    broken = whole(cast.directory.entries[0])
    forged = parse(broken.header_bytes, broken.body_bytes or b"", bytes(64))
    with pytest.raises(ProtocolError) as caught:
        DirectoryLog().apply(sequence(0, 0, forged))
    assert caught.value.code == ErrorCode.BAD_SIGNATURE


def test_a_log_without_a_genesis_has_neither_id_nor_state(directory: DirectoryBuilder) -> None:
    empty, operation = DirectoryLog(), OperationLog(directory.log)
    for ask in (lambda: empty.id32, lambda: empty.state, lambda: operation.state):
        with pytest.raises(ProtocolError):
            ask()
    assert DirectoryLog(bytes(32)).id16 == bytes(16)


# -- rejected, withheld, waiting -------------------------------------------------------------------


def test_a_rejected_entry_advances_size_time_and_tree_alone(cast: Cast) -> None:
    operation = cast.operation
    before = operation.state
    entry = operation.author("hold", {"reason": "r"}, cast.officer)
    result = operation.force(entry)
    assert isinstance(result, Rejected)
    assert operation.state == replace(before, size=before.size + 1, at=operation.entries[-1].at)
    assert operation.log.tree.leaf(before.size) == operation.entries[-1].leaf


def test_a_rejected_directory_entry_advances_size_time_and_tree_alone(
    directory: DirectoryBuilder,
) -> None:
    before = directory.state
    result = directory.force(directory.by_governance("admin.suspend", {"admin": bytes(16)}))
    assert isinstance(result, Rejected)
    at = directory.entries[-1].at
    assert directory.state == replace(before, size=before.size + 1, at=at)
    assert directory.log.at(before.size) == before


def test_a_withheld_entry_advances_size_time_and_tree_alone(cast: Cast) -> None:
    operation = cast.operation
    item = operation.sequenced(operation.sealed(cast.work))
    before, log = operation.state, operation.log
    log.apply(withheld(item))
    assert log.state == replace(before, size=item.seq + 1, at=item.at)
    assert log.tree.leaf(item.seq) == item.leaf


def test_check_takes_nothing_in(cast: Cast) -> None:
    operation = cast.operation
    before, root = operation.state, operation.log.tree.root()
    result = operation.log.check(operation.sequenced(operation.sealed(cast.work)))
    assert not isinstance(result, Rejected)
    assert result.size == before.size + 1
    assert (operation.state, operation.log.tree.root()) == (before, root)


def test_an_entry_that_names_a_later_directory_waits_and_is_taken_once_it_has_come(
    cast: Cast,
) -> None:
    behind = DirectoryLog()
    for item in carried(cast.directory.entries):
        behind.apply(item)
    log = OperationLog(behind)
    for item in carried(cast.operation.entries):
        log.apply(item)
    cast.directory.person(cast.france)
    item = cast.operation.sequenced(cast.operation.author("hold", {"reason": "r"}, cast.chief))
    with pytest.raises(DirectoryBehind) as caught:
        log.apply(item)
    assert caught.value.size == cast.directory.log.size
    assert log.size == item.seq
    for later in cast.directory.entries[behind.size :]:
        behind.apply(later)
    assert not isinstance(log.apply(item), Rejected)


def test_a_genesis_waits_for_its_directory_too(cast: Cast) -> None:
    log = OperationLog(DirectoryLog())
    with pytest.raises(DirectoryBehind):
        log.apply(cast.operation.entries[0])


# -- going back ------------------------------------------------------------------------------------


def test_what_was_cut_off_and_applied_again_gives_the_same(cast: Cast) -> None:
    operation, log = cast.operation, cast.operation.log
    operation.force(operation.author("hold", {"reason": "none"}, cast.officer))
    operation.message(cast.work, cast.officer)
    items = carried(operation.entries)
    expected = [log.size, log.tree.root(), state_hash(log.state)]
    for size in (log.size - 1, log.size // 2, 1, 0):
        log.truncate(size)
        assert log.size == size
        for item in items[size:]:
            log.apply(item)
        assert [log.size, log.tree.root(), state_hash(log.state)] == expected


def test_what_was_cut_off_the_directory_and_applied_again_gives_the_same(
    directory: DirectoryBuilder,
) -> None:
    log, items = directory.log, carried(directory.entries)
    expected = [log.size, log.tree.root(), directory_hash(log.state)]
    for size in (log.size - 1, log.size // 2, 1, 0):
        log.truncate(size)
        assert log.size == size
        for item in items[size:]:
            log.apply(item)
        assert [log.size, log.tree.root(), directory_hash(log.state)] == expected


def test_a_log_cut_to_nothing_takes_another_genesis_unless_it_is_pinned(
    directory: DirectoryBuilder,
) -> None:
    other = DirectoryBuilder(seed="other").entries[0]
    for log, code in ((DirectoryLog(), None), (DirectoryLog(directory.id32), "wrong_log")):
        log.apply(directory.entries[0])
        log.truncate(0)
        if code is None:
            log.apply(other)
            assert log.id32 != directory.id32
        else:
            assert stopped(log, other) == code


def test_after_a_cut_the_time_is_that_of_the_entry_before(cast: Cast) -> None:
    operation, log = cast.operation, cast.operation.log
    item = operation.message(cast.work)
    operation.wait(60_000)
    operation.message(cast.work)
    log.truncate(item.seq + 1)
    entry = operation.sealed(cast.work)
    assert not isinstance(log.apply(sequence(log.size, item.at, entry)), Rejected)


def test_nobody_goes_further_back_than_is_kept(cast: Cast) -> None:
    log = cast.operation.log
    for _ in range(UNDO_DEPTH + 1):
        hidden = Sequenced(log.size, cast.operation.clock, b"x" * 16, bytes(32), None)
        log.apply(hidden)
    log.truncate(log.size - UNDO_DEPTH)
    with pytest.raises(ValueError, match="too far"):
        log.truncate(log.size - 1)


# -- asked at a size -------------------------------------------------------------------------------


def test_the_directory_has_its_state_at_every_size(directory: DirectoryBuilder) -> None:
    log = DirectoryLog()
    for item in carried(directory.entries):
        log.apply(item)
        assert directory.log.at(log.size) == log.state
        assert directory.log.root(log.size) == log.tree.root()
    for size in (0, log.size + 1, -1):
        with pytest.raises(ProtocolError):
            log.at(size)


def test_a_root_beyond_what_was_read_is_unknown(directory: DirectoryBuilder) -> None:
    log = directory.log
    assert log.root(log.size + 1) is None
    assert log.root(-1) is None


def test_a_reader_of_one_channel_has_the_tree_of_everybody(cast: Cast) -> None:
    operation = cast.operation
    aside = operation.channel("aside", [cast.chief, cast.officer])
    operation.rotate(aside)
    operation.message(aside, cast.officer)
    log = OperationLog(cast.directory.log)
    for item in carried(operation.entries):
        log.apply(withheld(item) if item.scope == aside else item)
    assert log.tree.root() == operation.log.tree.root()
    seen = [cast.work, operation.main]
    assert state_hash(log.state, seen) == state_hash(operation.state, seen)
    assert state_hash(log.state, [aside]) != state_hash(operation.state, [aside])
