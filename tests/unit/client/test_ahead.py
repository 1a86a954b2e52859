"""Signatures are verified ahead of the rules, which take nothing that is not theirs (A8)."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import nacl.bindings as sodium
import pytest
from cencomm_client.ahead import STRETCH, KeyOf, verified_ahead
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import parse
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import SIGNATURE_SIZE
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced, decode_sequenced, encode_sequenced, sequence

from tests.support.directory import DirectoryBuilder
from tests.support.operation import OperationBuilder

MESSAGES = 5 * STRETCH


@pytest.fixture(scope="module")
def operation() -> OperationBuilder:
    built = OperationBuilder(DirectoryBuilder())
    built.start()
    work = built.channel("work")
    built.rotate(work)
    for _ in range(MESSAGES):
        built.message(work)
    return built


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[bytes, bool]]:
    """How often libsodium verified each signature, and whether on the main thread."""
    counted: Counter[tuple[bytes, bool]] = Counter()
    really = sodium.crypto_sign_open

    def open_counted(signed: bytes, public: bytes) -> bytes:
        here = threading.current_thread() is threading.main_thread()
        counted[signed[:SIGNATURE_SIZE], here] += 1
        opened: bytes = really(signed, public)
        return opened

    monkeypatch.setattr(sodium, "crypto_sign_open", open_counted)
    return counted


def read_anew(operation: OperationBuilder) -> list[Sequenced]:
    return [decode_sequenced(encode_sequenced(item)) for item in operation.entries]


def applied(
    operation: OperationBuilder, items: Iterator[Sequenced]
) -> tuple[OperationLog, dict[int, Rejected]]:
    log, rejected = OperationLog(operation.directory.log), dict[int, Rejected]()
    for item in items:
        outcome = log.apply(item)
        if isinstance(outcome, Rejected):
            rejected[item.seq] = outcome
    return log, rejected


def key_of(operation: OperationBuilder) -> KeyOf:
    state = operation.directory.state

    def found(device: DeviceId) -> bytes | None:
        known = state.device(device)
        return None if known is None else known.sign_pk

    return found


def test_each_signature_is_verified_once_and_most_by_the_other_thread(
    operation: OperationBuilder, verified: Counter[tuple[bytes, bool]]
) -> None:
    items = read_anew(operation)
    verified.clear()
    log, rejected = applied(operation, verified_ahead(items, key_of(operation)))
    assert (log.size, rejected) == (len(items), {})
    by_signature = Counter[bytes]()
    for (signature, _), times in verified.items():
        by_signature[signature] += times
    assert [by_signature[item.entry.sig] for item in items if item.entry] == [1] * len(items)
    assert not any(here for _, here in verified)


def test_a_bad_signature_among_good_ones_is_rejected_as_without_a_thread(
    operation: OperationBuilder,
) -> None:
    items = read_anew(operation)
    last, entry = items[-1], items[-1].entry
    assert entry is not None
    assert entry.body_bytes is not None
    sig = bytes([entry.sig[0] ^ 1]) + entry.sig[1:]
    items[-1] = sequence(last.seq, last.at, parse(entry.header_bytes, entry.body_bytes, sig))
    ahead = applied(operation, verified_ahead(items, key_of(operation)))
    items = [decode_sequenced(encode_sequenced(item)) for item in items]
    plain = applied(operation, iter(items))
    assert ahead[1] == plain[1]
    assert {seq: why.code for seq, why in ahead[1].items()} == {last.seq: ErrorCode.BAD_SIGNATURE}
    assert ahead[0].state.size == plain[0].state.size
    assert ahead[0].root(len(items)) == plain[0].root(len(items))


def test_a_signature_that_was_verified_under_another_key_is_verified_anew(
    operation: OperationBuilder,
) -> None:
    state = operation.directory.state
    items = read_anew(operation)
    assert items[0].entry is not None
    author = state.devices[items[0].entry.header.device]
    other = next(device for device in state.devices.values() if device.id != author.id)
    swapped = replace(state, devices=state.devices.insert(author.id, replace(
        author, sign_pk=other.sign_pk)))  # fmt: skip
    for _ in verified_ahead(items, key_of(operation)):
        pass  # all of them are good under the author's key

    class Swapped(DirectoryLog):
        """Names another key for the author: the rules believe it alone."""

        def at(self, size: int) -> DirectoryState:
            return swapped

    directory = Swapped()
    for item in operation.directory.entries:
        directory.tree.append(item.leaf)
    with pytest.raises(ProtocolError, match="signature"):
        OperationLog(directory).apply(items[0])


def test_the_thread_ends_where_the_reader_stops(operation: OperationBuilder) -> None:
    items = verified_ahead(read_anew(operation), key_of(operation))
    assert len(list(islice(items, 3))) == 3
    assert any(thread.name.startswith("signatures") for thread in threading.enumerate())
    items.close()
    assert not any(thread.name.startswith("signatures") for thread in threading.enumerate())


def test_threads_take_turns_as_ever_once_the_reading_is_over(operation: OperationBuilder) -> None:
    usual = sys.getswitchinterval()
    first, second = (verified_ahead(read_anew(operation), key_of(operation)) for _ in range(2))
    next(first)
    next(second)
    assert sys.getswitchinterval() < usual
    first.close()
    second.close()  # overlapping: one that put back what it had found would leave the first's
    assert sys.getswitchinterval() == usual
