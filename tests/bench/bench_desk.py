"""The desk over a log of the size to plan for (DESIGN 1): what opening it costs, and one entry.

A member's own vault and replica hold sealed work of 150 administrations: warnings, their answers,
seizures, hits, reports. Opened as the command opens it, but for the Argon2id of the vault.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nacl.bindings as sodium
from cencomm_client.authoring import Author
from cencomm_client.mirror import Mirror
from cencomm_client.outbox import Outbox
from cencomm_client.progress import Progress, silent
from cencomm_client.station import Settings, Station
from cencomm_client.vault import Vault
from cencomm_client.view import OperationView
from cencomm_client.work.attending import Attendant
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import VISIBLE_FIELDS, make_payload
from cencomm_crypto.public.entry import Header, author
from cencomm_crypto.public.ids import ChannelId
from stdnum import iso6346

from tests.bench.frame import Bar, Row
from tests.support import served as serving
from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.epochs import Epochs
from tests.support.operation import OperationBuilder
from tests.support.talk import DAY, seizure, warning
from tests.support.vaults import vault_of

HEAD_EVERY = 50  # entries per checkpoint: authors name the newest head they verified
PAGE = 2_000
DRAWN = 100  # rows that a screen asks for
SEED = 8


@dataclass
class Yard:
    """A member's vault and replica with the whole log in it."""

    operation: OperationBuilder
    people: list[HeldPerson]
    chan: ChannelId
    secret: EpochSecret
    vault: Vault
    replica: Path

    @cached_property
    def by_id(self) -> dict[bytes, HeldPerson]:
        """The people by their ids."""
        return {person.id: person for person in self.people}

    def now(self) -> int:
        """The builders' clock."""
        return self.operation.clock

    def open(self, progress: Progress = silent) -> tuple[Mirror, OperationView]:
        """Check the whole replica and open what this device can read."""
        mirror = Mirror.load(self.vault, self.replica, self.now, progress=progress)
        return mirror, OperationView(self._station(mirror, progress), self.operation.log.id16)

    def attend(self, mirror: Mirror, view: OperationView) -> Attendant:
        """Project it."""
        return Attendant(view, lambda: mirror.directory.state, self.now)

    def _station(self, mirror: Mirror, progress: Progress = silent) -> Station:
        settings = Settings(clock=self.now, progress=progress)
        made = Author(self.vault, mirror, self.now)

        async def nowhere(*_: Any) -> Any:
            raise AssertionError("the desk posts nothing")

        outbox = Outbox(self.vault, mirror, nowhere, self.now)
        unused: Any = None
        return Station(self.vault, mirror, unused, made, outbox, settings)


def desk(*, entries: int = 20_000, administrations: int = 150, each: int = 200) -> Iterator[Row]:
    """Open, check and project so many entries; then one entry after the other."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cencomm-bench-")))
        yard = settle(folder, administrations)
        talk(yard, entries)
        fill(yard)
        checks = _signatures(entries)

        gc.collect()
        bare_s = checks()
        started = time.perf_counter()
        mirror, view = yard.open()
        opened_s = time.perf_counter() - started
        attendant, projected_s = _timed(lambda: yard.attend(mirror, view))
        shown, drawn_s = _timed(lambda: attendant.refresh().snapshot(yard.now(), DRAWN))
        assert shown.totals.entries == entries, shown.totals
        projected_s += drawn_s
        name = f"open, check and project {entries:,} entries of {administrations} administrations"
        bare_s = (bare_s + checks()) / 2  # before and after: the load of the machine moves
        beside = "as many crypto_sign_open"
        whole = Row(name, opened_s + projected_s, "s", beside, bare_s, Bar(6, on_value=True))
        yield whole
        yield Row("the projection in it", projected_s, "s", beside, bare_s, Bar(1, on_value=True))

        items = view.feed.items()
        fresh = attendant.refresh()
        took: list[float] = []
        for item in items[-each:]:  # each once more: its chain is made anew, the totals too
            started = time.perf_counter()
            fresh.take(item)
            fresh.snapshot(yard.now(), DRAWN)
            took.append(time.perf_counter() - started)
        took.sort()
        each_ms = took[len(took) // 2] * 1e3
        yield Row("each new entry, up to the picture", each_ms, "ms", bar=Bar(5, on_value=True))
        mirror.close()


def settle(folder: Path, administrations: int) -> Yard:
    """A live operation with two people of each administration; one of them is this device's."""
    directory = DirectoryBuilder()
    admins = [directory.administration(f"A{number:03}") for number in range(administrations)]
    people = [directory.person(admin) for admin in admins for _ in range(2)]
    directory.grant_operations(people[0])
    vault = vault_of(folder / "vault", directory, people[0])
    operation = OperationBuilder(directory, people[0])
    rows = [{"person": person.id, "role": "officer"} for person in people[1:]]
    operation.control("members.admit", {"members": rows})
    chan = operation.channel("work")
    operation.start()
    secret = Epochs(operation).rotate(chan)
    return Yard(operation, people, chan, secret, vault, folder / "replica")


def talk(yard: Yard, count: int) -> None:
    """Append sealed work: a quarter warnings, two thirds of the rest their answers."""
    draw = random.Random(SEED)  # noqa: S311 - the same work in every run
    operation, open_ = yard.operation, list[tuple[bytes, HeldPerson]]()
    seen, pace = operation.head, 20 * DAY // max(count, 1)
    for number in range(count):
        if number % HEAD_EVERY == 0:
            seen = operation.head
        by = draw.choice(yard.people)
        kind, fields = _said(draw, number, operation.clock, yard.people, open_)
        by = fields.pop("by", by)
        payload = make_payload(kind, operation.draw()[:16], **fields)
        visible = {name: payload[name] for name in VISIBLE_FIELDS if name in payload}
        header = Header(
            type="message",
            device=by.device.id,
            id=operation.entry_id(),
            time=operation.clock,
            seen=seen,
            dir=operation.directory.head,
            log=operation.log.id16,
            chan=yard.chan,
            epoch=1,
            **{**visible, **({"to": tuple(visible["to"])} if "to" in visible else {})},
        )
        nonce, salt = operation.draw()[:24], operation.draw()[:16]
        body = seal_message(header, yard.secret, payload, nonce, salt)
        operation.force(author(header, body, by.device.sign))
        operation.clock += pace - 1_000
        if kind == "WRN":
            open_.append((operation.entries[-1].leaf, yard.by_id[visible["to"][0]]))


def _said(
    draw: random.Random,
    number: int,
    now: int,
    people: list[HeldPerson],
    open_: list[tuple[bytes, HeldPerson]],
) -> tuple[str, dict[str, Any]]:
    """One message: its kind, and what `make_payload` takes; `by` where it must be somebody."""
    box = f"CSQU{draw.randrange(10**6):06}"
    box += iso6346.calc_check_digit(box)
    if number % 4 == 0 or not open_:
        content = warning(identifiers={"container": box}, route={"eta": now + DAY})
        to = (draw.choice(people).id,)
        prio = draw.choice([None, None, "priority", "flash"])
        return "WRN", {"content": content, "to": to, "prio": prio}
    if number % 4 == 3:
        span = {"from": now - DAY, "to": now}
        others: list[tuple[str, dict[str, Any]]] = [
            ("SIT", {"period": span, "nil": True}),
            ("MSG", {"text": "x" * 300}),
            ("HIT", _hit(box, now)),
        ]
        kind, content = draw.choice(others)
        return kind, {"content": content}
    leaf, named = draw.choice(open_[-400:])
    answers: list[tuple[str, dict[str, Any]]] = [
        ("ACK", {"answer": "accepted"}),
        ("FBK", {"outcome": "no_finding"}),
        ("SZR", seizure(at=now, conveyance={"mode": "1", "container": box})),
    ]
    kind, content = draw.choice(answers)
    return kind, {"content": content, "re": leaf, "by": named}


def _hit(box: str, now: int) -> dict[str, Any]:
    return {
        "source": "manifest screening",
        "rule": "TOB-7",
        "rule_version": "3",
        "identifiers": {"container": box},
        "snapshot_at": now,
        "dedupe": box,
    }


def fill(yard: Yard) -> None:
    """Read the log into the replica as a member does, and keep the epoch's secret."""

    async def read() -> None:
        source = serving.Served(yard.operation.directory, yard.people[0])
        log = source.add(yard.operation)
        mirror = Mirror.load(yard.vault, yard.replica, yard.now)
        with patch.object(serving, "PAGE", PAGE):
            await mirror.pull_directory(source)
            await mirror.pull(source, log)
        view = OperationView(yard._station(mirror), log)
        view.keyring.keep(view.state, yard.secret)
        yard.vault.save()
        mirror.close()

    asyncio.run(read())


def _signatures(count: int) -> Callable[[], float]:
    """Seconds for as many bare signature checks: what no reader can go below."""
    public, secret = sodium.crypto_sign_keypair()
    signed = sodium.crypto_sign(bytes(75), secret)

    def run() -> float:
        started = time.perf_counter()
        for _ in range(count):
            sodium.crypto_sign_open(signed, public)
        return time.perf_counter() - started

    return run


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    made = call()
    return made, time.perf_counter() - started
