"""Operations of the size to plan for, built through the real rules (DESIGN 1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.operation import OperationBuilder

ADMIT_AT_ONCE = 1000
SEALED_600 = 24 + 32 + 1024 + 16  # body of a message of 600 bytes
PAGE_BYTES = 4 * 1024 * 1024  # of a log read
HEAD_EVERY = 50  # entries per checkpoint: authors name the newest head they verified


@dataclass
class Crowd:
    """An operation with many members in one channel."""

    directory: DirectoryBuilder
    operation: OperationBuilder
    people: list[HeldPerson]
    work: ChannelId


def gather(size: int, *, administrations: int = 10, auditors: int = 0) -> Crowd:
    """An operation of `size` members with one device each, and a channel of all."""
    directory = DirectoryBuilder()
    admins = [directory.administration(f"A{number}") for number in range(administrations)]
    people = [directory.person(admins[number % len(admins)]) for number in range(size - 1)]
    audit = [directory.person(admins[number % len(admins)]) for number in range(auditors)]
    operation = OperationBuilder(directory, auditors=audit, k=auditors // 2 + 1 if auditors else 0)
    for start in range(0, len(people), ADMIT_AT_ONCE):
        rows = [
            {"person": person.id, "role": "officer"}
            for person in people[start : start + ADMIT_AT_ONCE]
        ]
        operation.control("members.admit", {"members": rows})
    operation.start()
    work = operation.channel("work")
    return Crowd(directory, operation, [operation.creator, *people], work)


def talk(crowd: Crowd, count: int) -> None:
    """Append messages of 600 sealed bytes, by all members in turn."""
    operation = crowd.operation
    operation.rotate(crowd.work)
    seen = operation.head
    for number in range(count):
        if number % HEAD_EVERY == 0:
            seen = operation.head
        author = crowd.people[number % len(crowd.people)]
        entry = operation.current("message", os.urandom(SEALED_600), crowd.work, author, seen=seen)
        result = operation.force(entry)
        assert not isinstance(result, Rejected), result
        operation.clock -= 990  # a message every 10 ms


def pages(entries: list[Sequenced]) -> Iterator[bytes]:
    """The log as reads return it: CBOR sequences of at most 4 MiB."""
    page = bytearray()
    for item in entries:
        data = encode_sequenced(item)
        if len(page) + len(data) > PAGE_BYTES:
            yield bytes(page)
            page.clear()
        page += data
    yield bytes(page)
