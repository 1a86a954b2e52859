"""Entries near to sound ones: both take and refuse the same, with the same code and state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from cencomm_crypto.errors import CencommError, ProtocolError, Rejected
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigningKey, SigType
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.wire import Sequenced, decode_sequenced, encode_sequenced

from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, GRACE, HOUR, OPENS
from tests.support.vectors.directory import RULES
from tests.support.vectors.rights.attempts import ATTEMPTS
from tests.support.vectors.stage import DirectoryStage, Stage
from tests.support.vectors.stories import tell
from tests.web.bridge import Bridge
from tests.web.changes import Pool, changed, resigned

pytestmark = pytest.mark.timeout(1_800)  # with all rounds

ALL, FULL_ROUNDS = 5_000, 20  # of operations, and as many of directories, as in CI
AT_ONCE = 100
PLACES: tuple[dict[str, Any], ...] = (
    {},
    {"live": False},
    {"history": "none"},
    {"audit": False},
    {"turns": 40},
    {"turns": 90, "history": "none"},
    {"turns": 160},
)
Offer = tuple[dict[str, Any], dict[str, Any]]  # inputs, answer


def count_of(rounds: int) -> int:
    return ALL * min(rounds, FULL_ROUNDS) ** 2 // FULL_ROUNDS**2 + 200


def test_operations_take_and_refuse_the_same_entries(bridge: Bridge, rounds: int) -> None:
    random, each = Random("offers"), -(-count_of(rounds) // len(PLACES))  # noqa: S311 cases
    codes: set[str] = set()
    for number, variant in enumerate(PLACES):
        made = {**variant}
        turns = made.pop("turns", 0)
        stage = Stage(f"offers {number}", **made)
        if turns:
            tell(stage, f"offers/{number}", turns)
            stage.settle()
        _send(bridge, stage.name, stage.directory.entries, stage.operation.entries)
        codes |= _compared(bridge, "offer to operation", _operation_offers(stage, random, each))
    assert len(codes) >= 20, sorted(codes)


def test_directories_take_and_refuse_the_same_entries(bridge: Bridge, rounds: int) -> None:
    random = Random("directory offers")  # noqa: S311 cases, not secrets
    stage = DirectoryStage()
    _send(bridge, stage.name, stage.directory.entries, ())
    offers = _directory_offers(stage, random, count_of(rounds))
    codes = _compared(bridge, "offer to directory", offers)
    assert len(codes) >= 12, sorted(codes)


def _send(
    bridge: Bridge, name: str, directory: Iterable[Sequenced], operation: Iterable[Sequenced]
) -> None:
    scene = {"directory": shown(directory), "operation": shown(operation)}
    bridge.ask([("scene", {"name": name, **scene})])


def shown(items: Iterable[Sequenced]) -> list[str]:
    return [encode_sequenced(item).hex() for item in items]


def _compared(bridge: Bridge, op: str, offers: Iterator[Offer]) -> set[str]:
    """The codes that came out, "" for an entry that was taken."""
    every = list(offers)
    codes: set[str] = set()
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        found = bridge.ask([(op, inputs) for inputs, _ in some])
        for (inputs, expected), answer in zip(some, found, strict=True):
            told: dict[str, Any] = answer if "failure" in answer else answer["output"]
            assert same(expected, told), (inputs["item"], expected, told)
            codes.add(expected.get("failure", ""))
    return codes


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.get("failure") == other.get("failure") and one.get("state") == other.get("state")


# -- operations ------------------------------------------------------------------------------------


def _operation_offers(stage: Stage, random: Random, count: int) -> Iterator[Offer]:
    people = [*stage.by_role.values(), stage.deputy, stage.stranger, stage.outsider]
    kinds, made = sorted(ATTEMPTS), 0
    while made < count:
        kind = random.choice(kinds)
        by = stage.chief if random.random() < 0.4 else random.choice(people)
        with stage.rewound():
            try:
                entry = ATTEMPTS[kind](stage, by)
            except (AssertionError, KeyError, CencommError):  # it does not fit here
                continue
            bytes_of = changed(
                _pool(stage, random),
                entry,
                _keys([*people, *stage.auditors], stage),
                lambda body: _resigned_by_governance(stage, body),
            )
            if bytes_of is None:
                continue
            made += 1
            data = _item(random, stage, bytes_of)
            more = {
                "directory": shown(stage.directory.entries[stage.base_directory :]),
                "operation": shown(stage.operation.entries[stage.base_operation :]),
            }
            yield {"scene": stage.name, **more, "item": data.hex()}, _judged(stage, data)


def _pool(stage: Stage, random: Random) -> Pool:
    operation, directory = stage.operation, stage.directory
    pool, state = Pool(random), operation.state
    pool.add(*state.members, *state.channels, *directory.state.persons, *directory.state.devices)
    pool.add(*directory.state.admins, *directory.state.root_keys, *directory.state.box_keys)
    pool.add(*(item.leaf for item in operation.entries[-40:]), directory.id32)
    pool.add(*(item.entry.header.id for item in operation.entries[-40:] if item.entry))
    pool.add(*state.proposals, *state.holds, *state.requests, *state.releases)
    pool.numbers = [OPENS, CLOSES, CLOSES + GRACE, operation.clock, OPENS + HOUR, CLOSES - HOUR]
    pool.heads = [operation.head_at(size) for size in range(operation.log.size + 1)][-12:]
    pool.directory_heads = [directory.head_at(n) for n in range(directory.log.size + 1)][-12:]
    return pool


def _keys(people: Iterable[HeldPerson], stage: Stage) -> dict[bytes, SigningKey]:
    everybody = [*people, *(ncp for admin in stage.administrations for ncp in admin.ncps)]
    devices = [device for person in everybody for device in person.devices]
    return {device.id: device.sign for device in (*devices, stage.directory.poster)}


def _resigned_by_governance(stage: Stage, body: dict[str, Any]) -> dict[str, Any]:
    directory = stage.directory
    signers = {place: directory.governance[place] for place in range(directory.k)}
    return resigned(body, SigType.GOVERNANCE, signers, directory.id32)


def _item(random: Random, stage: Stage, bytes_of: tuple[bytes, bytes, bytes]) -> bytes:
    """At the next place and time; now and then at a time that matters, or at another place."""
    seq, at = stage.operation.log.size, stage.operation.clock
    if random.random() < 0.25:
        end = stage.operation.state.end
        times = (OPENS - 1, OPENS, CLOSES, CLOSES + 1, CLOSES + GRACE, CLOSES + GRACE + 1, end)
        at = max(random.choice((*times, end + 1, at + 72 * HOUR, at + 72 * HOUR + 1)), at)
    if random.random() < 0.02:
        seq, at = random.choice(((seq + 1, at), (seq, 0), (max(seq - 1, 0), at)))
    return encode([0, seq, at, *bytes_of])


def _judged(stage: Stage, data: bytes) -> dict[str, Any]:
    try:
        result = stage.operation.log.check(decode_sequenced(data))
    except (ProtocolError, CencommError) as error:
        return {"failure": str(error.code), "detail": error.detail}
    if isinstance(result, Rejected):
        return {"failure": str(result.code), "detail": result.detail}
    return {"state": state_hash(result).hex()}


# -- directories -----------------------------------------------------------------------------------


def _directory_offers(stage: DirectoryStage, random: Random, count: int) -> Iterator[Offer]:
    rows = [make for group in RULES for _, _, make, _ in group]
    base, made = len(stage.directory.entries), 0
    while made < count:
        with stage.rewound():
            found = random.choice(rows)(stage)
            entry = found.entry if isinstance(found, Sequenced) else found
            if entry is None:
                continue
            assert isinstance(entry, Entry)
            bytes_of = changed(
                _directory_pool(stage, random),
                entry,
                _directory_keys(stage),
                lambda body: _resigned_by_root(stage, body),
            )
            if bytes_of is None:
                continue
            made += 1
            item = stage.directory.sequenced(entry)
            data = encode([0, item.seq, item.at, *bytes_of])
            more = shown(stage.directory.entries[base:])
            yield (
                {"scene": stage.name, "directory": more, "item": data.hex()},
                _looked_up(stage, data),
            )


def _directory_pool(stage: DirectoryStage, random: Random) -> Pool:
    directory, pool = stage.directory, Pool(random)
    state = directory.state
    pool.add(*state.persons, *state.devices, *state.admins, *state.root_keys, *state.box_keys)
    pool.add(directory.draw("change"), directory.signing_key("change").public)
    pool.add(directory.box_key().public)
    pool.numbers = [OPENS]
    pool.heads = [directory.head_at(size) for size in range(directory.log.size + 1)][-12:]
    pool.directory_heads = pool.heads
    return pool


def _directory_keys(stage: DirectoryStage) -> dict[bytes, SigningKey]:
    people = [stage.agent, stage.colleague, stage.foreigner]
    people += [*stage.france.ncps, *stage.belgium.ncps]
    devices = [device for person in people for device in person.devices]
    return {device.id: device.sign for device in (*devices, stage.directory.poster)}


def _resigned_by_root(stage: DirectoryStage, body: dict[str, Any]) -> dict[str, Any]:
    directory = stage.directory
    if str(body.get("type", "")).startswith("ncp."):
        admin = stage.belgium if body.get("admin") == stage.belgium.id else stage.france
        return resigned(body, SigType.ADMIN_ROOT, {0: admin.root}, directory.id32)
    signers = {place: directory.governance[place] for place in range(directory.k)}
    return resigned(body, SigType.GOVERNANCE, signers, directory.id32)


def _looked_up(stage: DirectoryStage, data: bytes) -> dict[str, Any]:
    try:
        result = stage.directory.log.check(decode_sequenced(data))
    except (ProtocolError, CencommError) as error:
        return {"failure": str(error.code), "detail": error.detail}
    if isinstance(result, Rejected):
        return {"failure": str(result.code), "detail": result.detail}
    return {"state": directory_hash(result).hex()}
