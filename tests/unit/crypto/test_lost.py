"""Places that a restore from backup lost: all readers compute one state (PROTOCOL 11.2, A50)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.lost import NO_LOSSES, Losses
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.replay import DirectoryLog, OperationLog, read_log
from cencomm_crypto.public.wire import (
    Sequenced,
    decode_sequenced,
    encode_sequenced,
)

from tests.support.cast import Cast
from tests.support.directory import DirectoryBuilder, HeldAdministration, restoring


def gone(items: Iterable[Sequenced], *seqs: int) -> list[Sequenced]:
    """The same log as a reader gets it for whom these places were lost."""
    return [replace(item, entry=None, lost=True) if item.seq in seqs else item for item in items]


AnyLog = TypeVar("AnyLog", DirectoryLog, OperationLog)


def reread(
    new: Callable[[Losses], AnyLog], items: Iterable[Sequenced]
) -> tuple[AnyLog, list[str], int]:
    """The log as a reader replays it, the code of each item, and how often it began anew."""
    items, rounds = list(items), list[Losses]()

    def counted(losses: Losses) -> AnyLog:
        rounds.append(losses)
        return new(losses)

    log, rejected = read_log(counted, lambda: items)
    codes = [str(rejected[item.seq].code) if item.seq in rejected else "" for item in items]
    return log, codes, len(rounds) - 1


@pytest.fixture
def directory() -> DirectoryBuilder:
    return DirectoryBuilder()


@pytest.fixture
def france(directory: DirectoryBuilder) -> HeldAdministration:
    return directory.administration("FR")


def named(directory: DirectoryBuilder, items: list[Sequenced], **header: object) -> Entry:
    body = restoring(directory.log.id16, items)
    header.setdefault("serial", 1)
    return directory.by_governance("log.restored", body, **header)  # type: ignore[arg-type]  # header fields


def test_who_still_holds_a_lost_entry_and_who_does_not_compute_the_same(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.person(france)
    lost = directory.entries[-1]  # the device of that person
    directory.person(france)
    items = [*directory.entries, directory.sequenced(named(directory, [lost]))]
    holder, codes, rounds = reread(lambda losses: DirectoryLog(None, losses), items)
    assert rounds == 1
    other, others, anew = reread(lambda losses: DirectoryLog(None, losses), gone(items, lost.seq))
    assert anew == 0  # nothing of it was ever applied
    assert codes == others
    assert holder.tree.root() == other.tree.root()
    for size in range(1, holder.size + 1):  # operations read the directory at earlier sizes
        assert directory_hash(holder.at(size)) == directory_hash(other.at(size))
    assert holder.unnamed == other.unnamed == []
    entry = lost.entry
    assert entry is not None
    assert entry.body is not None
    assert all(d.sign_pk != entry.body["sign_pk"] for d in holder.state.devices.values())


def test_what_was_built_on_a_lost_entry_counts_for_nothing_either(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    agent = directory.person(france)
    added = directory.entries[-2]
    item = directory.sequenced(named(directory, [added]))
    log, codes, _ = reread(lambda losses: DirectoryLog(None, losses), [*directory.entries, item])
    assert codes[added.seq + 1] == ErrorCode.UNKNOWN_PERSON
    assert log.state.person(agent.id) is None


def test_lost_places_that_nobody_named_are_told(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.person(france)
    log = DirectoryLog()
    for item in gone(directory.entries, 2, 3):
        log.apply(item)
    assert log.unnamed == [2, 3]
    log.truncate(3)
    assert log.unnamed == [2]


def test_a_control_entry_is_lost_or_whole_and_never_only_withheld(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    log = DirectoryLog()
    log.apply(directory.entries[0])
    with pytest.raises(ProtocolError) as caught:
        log.apply(replace(directory.entries[1], entry=None))
    assert caught.value.code == ErrorCode.LOG_DAMAGED
    with pytest.raises(ProtocolError) as caught:
        DirectoryLog().apply(replace(directory.entries[0], entry=None, lost=True))
    assert caught.value.code == ErrorCode.LOG_DAMAGED


@pytest.mark.parametrize("by", ["the new keys", "the old keys"])
def test_who_holds_a_rekey_lets_neither_root_call_it_lost(
    directory: DirectoryBuilder, france: HeldAdministration, by: str
) -> None:
    """Old keys, once stolen and replaced, must not come back by calling their end lost; the new
    ones have no standing without it. Who does not hold it cannot tell, and takes the old ones."""
    keys = [directory.signing_key("new") for _ in range(2)]
    old = directory.governance
    body = {"keys": [key.public for key in keys], "k": 2}
    directory.append(directory.by_governance("governance.rekey", body))
    rekey = directory.entries[-1]
    directory.governance = keys if by == "the new keys" else old
    item = directory.sequenced(named(directory, [rekey], serial=1))
    with pytest.raises(ProtocolError) as caught:
        reread(lambda losses: DirectoryLog(None, losses), [*directory.entries, item])
    assert caught.value.code == ErrorCode.LOG_DAMAGED
    lost = gone([*directory.entries, item], rekey.seq)
    if by == "the new keys":
        with pytest.raises(ProtocolError):
            reread(lambda losses: DirectoryLog(None, losses), lost)
    else:
        other, codes, _ = reread(lambda losses: DirectoryLog(None, losses), lost)
        assert codes[-1] == ""
        assert other.unnamed == []


def test_what_the_root_decided_after_a_lost_decision_still_stands(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    """Its number is gone with it; the numbers after it need only be greater."""
    lost = directory.entries[-2]  # admin.add
    directory.administration("BE")
    items = [*directory.entries, directory.sequenced(named(directory, [lost]))]
    holder, codes, _ = reread(lambda losses: DirectoryLog(None, losses), items)
    other, others, _ = reread(lambda losses: DirectoryLog(None, losses), gone(items, lost.seq))
    assert codes == others
    assert directory_hash(holder.state) == directory_hash(other.state)
    assert [admin.code for admin in holder.state.admins.values()] == ["BE"]


def test_two_restorations_name_their_places_one_after_the_other(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    directory.person(france)
    first, second = directory.entries[-2], directory.entries[-1]
    directory.person(france)
    items = [*directory.entries]
    for number, place in enumerate((second, first), 1):
        entry = named(directory, [place], serial=number)
        items.append(replace(directory.sequenced(entry), seq=len(items)))
    # the second was signed over the log with the first; heads of a shorter log are good as well
    holder, codes, rounds = reread(lambda losses: DirectoryLog(None, losses), items[:-1])
    assert (codes[-1], rounds) == ("", 1)
    assert holder.void == {second.seq}


def test_nothing_is_read_anew_for_a_restoration_that_does_not_hold(
    directory: DirectoryBuilder, france: HeldAdministration
) -> None:
    stranger = [directory.signing_key("stranger") for _ in range(3)]
    directory.governance, own = stranger, directory.governance
    item = directory.sequenced(named(directory, [directory.entries[-1]]))
    directory.governance = own
    log = DirectoryLog()
    for known in directory.entries:
        log.apply(known)
    assert getattr(log.apply(item), "code", None) == ErrorCode.BAD_SIGNATURE


def test_a_lost_restoration_no_longer_names_what_it_named() -> None:
    losses = NO_LOSSES.and_of(5, range(2, 4))
    assert losses.void() == {2, 3}
    assert losses.and_of(9, range(5, 6)).void() == {5}


def test_an_operation_without_a_lost_decision_is_one_for_all_its_readers() -> None:
    cast = Cast.fresh()
    operation, directory = cast.operation, cast.directory
    operation.message(cast.work, cast.officer)
    newcomer = directory.person(cast.france)
    lost = operation.admit(newcomer, "officer")
    operation.rotate(cast.work)
    late = operation.message(cast.work, cast.officer)
    body = directory.signed_restoring(operation.log.id16, [lost])
    restored = operation.sequenced(operation.author("log.restored", body, directory.poster))
    items = [*operation.entries, restored]
    read = lambda losses: OperationLog(directory.log, None, losses)  # noqa: E731 used thrice
    holder, codes, rounds = reread(read, items)
    other, others, _ = reread(read, gone(items, lost.seq))
    assert codes == others
    assert rounds == 1
    assert state_hash(holder.state) == state_hash(other.state)
    assert newcomer.id not in holder.state.members
    # the rotate had the newcomer among its recipients: it was never valid, nor what followed it
    assert all(channel.lost for channel in holder.state.channels.values() if channel.epochs)
    assert codes[lost.seq + 1] == ErrorCode.BAD_COUNT
    assert codes[late.seq] == ErrorCode.WRONG_EPOCH
    outside = [
        item if item.scope == bytes(16) else replace(item, entry=None)
        for item in gone(items, lost.seq)
    ]
    reader, _, _ = reread(read, outside)
    assert reader.state.members == holder.state.members


def test_a_lost_item_travels_as_its_own_form() -> None:
    item = Sequenced(7, 8, bytes(16), bytes(range(32)), None, lost=True)
    data = encode_sequenced(item)
    assert decode_sequenced(data) == item
    assert data != encode_sequenced(replace(item, lost=False))
    assert item.leaf == replace(item, lost=False).leaf
