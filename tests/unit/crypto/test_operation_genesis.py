"""A genesis decides what is decided once, and is refused where it does not hold together."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import DirectoryBehind, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.entry import Entry, Head, channel_id, log_id32
from cencomm_crypto.public.operation.rules import apply_operation
from cencomm_crypto.public.phases import Phase
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.rights import Role
from cencomm_crypto.public.wire import sequence

from tests.support.cast import Cast
from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.operation import CLOSES, GRACE, OPENS, OperationBuilder


@pytest.fixture(scope="module")
def cast() -> Cast:
    return Cast.fresh(live=False)


def genesis(cast: Cast, by: HeldPerson | None = None, **fields: Any) -> Entry:
    body = {**cast.operation.genesis_body, **fields}
    return cast.operation.author("operation.genesis", body, by or cast.chief)


def refusal(cast: Cast, entry: Entry) -> ErrorCode:
    log = OperationLog(cast.directory.log)
    result = apply_operation(None, sequence(0, OPENS, entry), log, cast.directory.log)
    assert isinstance(result, Rejected)
    return result.code


def test_its_author_is_the_first_coordinator_and_is_in_the_main_channel(cast: Cast) -> None:
    operation = OperationBuilder(cast.directory, cast.chief)
    state = operation.state
    entry = operation.entries[0].entry
    assert entry is not None
    assert state.id32 == log_id32(entry)
    assert state.main == channel_id(entry)
    assert [(member.person, member.role) for member in state.members.values()] == [
        (cast.chief.id, Role.COORDINATOR)
    ]
    assert state.in_channel(cast.chief.id, state.channels[state.main])
    assert state.phase is Phase.DRAFT
    assert state.watermark == cast.directory.log.size


def test_only_a_holder_of_the_role_creates_operations(cast: Cast) -> None:
    assert refusal(cast, genesis(cast, cast.officer)) is ErrorCode.NOT_PERMITTED


def test_a_suspended_holder_of_the_role_creates_none() -> None:
    cast = Cast.fresh(live=False)
    cast.directory.suspend(cast.chief)
    assert refusal(cast, genesis(cast)) is ErrorCode.INACTIVE


def test_an_unknown_device_creates_none(cast: Cast) -> None:
    ghost = cast.directory.new_device(cast.chief.id)
    entry = cast.operation.author("operation.genesis", cast.operation.genesis_body, ghost)
    assert refusal(cast, entry) is ErrorCode.UNKNOWN_DEVICE


@pytest.mark.parametrize(
    "fields",
    [
        {"window": [CLOSES, OPENS]},
        {"window": [OPENS, OPENS], "live": [OPENS, OPENS]},
        {"live": [OPENS - 1, CLOSES]},
        {"live": [OPENS, CLOSES + 1]},
        {"live": [CLOSES, OPENS]},
        {"retention": {"erase_at": CLOSES + GRACE}},
        {"witness": {"keys": [], "k": 0, "fresh": 60, "mode": "warn"}},
    ],
    ids=[
        "window-backwards", "window-empty", "live-too-early", "live-too-late", "live-backwards",
        "erased-before-its-end", "freshness-without-witnesses",
    ],
)  # fmt: skip
def test_values_that_do_not_fit_each_other_are_refused(cast: Cast, fields: dict[str, Any]) -> None:
    assert refusal(cast, genesis(cast, **fields)) is ErrorCode.BAD_VALUE


@pytest.mark.parametrize("field", ["rules", "phases", "suite_min"])
def test_a_version_that_is_not_known_stops_the_reader(cast: Cast, field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        refusal(cast, genesis(cast, None, **{field: 2}))
    assert caught.value.code is ErrorCode.UNKNOWN_VERSION


def test_it_names_its_directory_in_full(cast: Cast) -> None:
    assert refusal(cast, genesis(cast, directory=bytes(32))) is ErrorCode.WRONG_LOG


def test_it_has_seen_the_empty_log(cast: Cast) -> None:
    body = cast.operation.genesis_body
    entry = cast.operation.author("operation.genesis", body, cast.chief, seen=Head(1, EMPTY_ROOT))
    assert refusal(cast, entry) is ErrorCode.WRONG_HEAD


def test_the_directory_head_that_it_pins_is_the_directorys(cast: Cast) -> None:
    body = cast.operation.genesis_body
    for head in (Head(cast.directory.log.size, bytes(32)), Head(0, EMPTY_ROOT)):
        entry = cast.operation.author("operation.genesis", body, cast.chief, dir=head)
        assert refusal(cast, entry) is ErrorCode.WRONG_HEAD


def test_a_directory_head_that_has_not_arrived_means_wait(cast: Cast) -> None:
    head = Head(cast.directory.log.size + 7, bytes(32))
    body = cast.operation.genesis_body
    entry = cast.operation.author("operation.genesis", body, cast.chief, dir=head)
    with pytest.raises(DirectoryBehind) as caught:
        refusal(cast, entry)
    assert caught.value.size == head.size


def test_a_genesis_stands_first_and_only_there(cast: Cast) -> None:
    log = OperationLog(cast.directory.log)
    other = cast.operation.author("directory.sync", {}, cast.chief)
    result = apply_operation(None, sequence(0, OPENS, other), log, cast.directory.log)
    assert isinstance(result, Rejected)
    assert result.code is ErrorCode.WRONG_TYPE
    second = sequence(cast.operation.log.size, OPENS, genesis(cast))
    again = apply_operation(cast.operation.state, second, cast.operation.log, cast.directory.log)
    assert isinstance(again, Rejected)
    assert again.code is ErrorCode.WRONG_TYPE


# -- the audit set (A21) -----------------------------------------------------------------------


def audit(persons: list[HeldPerson], k: int) -> dict[str, Any]:
    return {"audit": {"persons": [person.id for person in persons], "k": k}}


@pytest.mark.parametrize("k", [1, 4])
def test_the_threshold_lies_between_two_and_the_number_of_auditors(cast: Cast, k: int) -> None:
    assert refusal(cast, genesis(cast, **audit(cast.auditors, k))) is ErrorCode.BAD_AUDIT_SET


def test_a_threshold_without_auditors_and_auditors_without_one_are_refused(cast: Cast) -> None:
    assert refusal(cast, genesis(cast, **audit([], 2))) is ErrorCode.BAD_AUDIT_SET
    assert refusal(cast, genesis(cast, **audit(cast.auditors, 0))) is ErrorCode.BAD_AUDIT_SET


def test_no_auditor_stands_twice(cast: Cast) -> None:
    twice = [cast.auditors[0], cast.auditors[0], cast.auditors[1]]
    assert refusal(cast, genesis(cast, **audit(twice, 3))) is ErrorCode.BAD_AUDIT_SET


def test_no_administration_could_open_alone(cast: Cast) -> None:
    two_of_one = [cast.officer, cast.deputy, cast.auditors[0]]
    assert refusal(cast, genesis(cast, **audit(two_of_one, 2))) is ErrorCode.BAD_AUDIT_SET
    log = OperationLog(cast.directory.log)
    entry = genesis(cast, **audit(two_of_one, 3))
    assert not isinstance(log.check(sequence(0, OPENS, entry)), Rejected)


def test_the_author_is_no_auditor(cast: Cast) -> None:
    own = [cast.chief, *cast.auditors]
    assert refusal(cast, genesis(cast, **audit(own, 2))) is ErrorCode.BAD_AUDIT_SET


def test_a_bot_is_no_auditor(cast: Cast) -> None:
    assert (
        refusal(cast, genesis(cast, **audit([cast.bot, *cast.auditors], 2)))
        is ErrorCode.BAD_AUDIT_SET
    )


def test_auditors_are_known_and_active() -> None:
    directory = DirectoryBuilder()
    operation = OperationBuilder(directory)
    france, belgium = directory.administration("FR"), directory.administration("BE")
    first, second = directory.person(france), directory.person(belgium)
    stranger = directory.new_person(france)

    def code(persons: list[HeldPerson]) -> ErrorCode:
        body = {**operation.genesis_body, **audit(persons, 2)}
        entry = operation.author("operation.genesis", body, operation.creator)
        log = OperationLog(directory.log)
        result = apply_operation(None, sequence(0, OPENS, entry), log, directory.log)
        assert isinstance(result, Rejected)
        return result.code

    assert code([first, stranger]) is ErrorCode.UNKNOWN_PERSON
    directory.suspend(second)
    assert code([first, second]) is ErrorCode.INACTIVE
