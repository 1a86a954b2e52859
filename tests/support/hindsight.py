"""What a log must still hold after a crash, judged by the receipts that its clients keep.

Reads the log anew from the server with a client's session, trusts nothing that the server
computed, and names every broken promise in a sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from cencomm_client import Client
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.note import open_checkpoint, origin
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import Sequenced, decode_sequenced_stream

from tests.support.crew import Crew, Poster
from tests.support.deployment import Deployment
from tests.support.waiting import until

PAUSES_S = 45.0


@dataclass(frozen=True)
class Reading:
    """A log as the server gives it now, from its genesis on, and the note it ends in."""

    items: tuple[Sequenced, ...]
    note: bytes
    tree: Tree


async def read(client: Client, log: LogId) -> Reading:
    """Read the whole log by cursor with a client's session, up to its newest checkpoint."""
    transport = client._station.transport
    note = await transport.checkpoint(log)
    size = int(note.split(b"\n", 2)[1])
    items: list[Sequenced] = []
    while len(items) < size:
        page = await transport.entries(log, len(items))
        items += decode_sequenced_stream(page.items)
    return Reading(tuple(items[:size]), note, Tree(item.leaf for item in items[:size]))


async def broken_promises(town: Deployment, crew: Crew) -> list[str]:
    """Everything that is not as it was promised; empty when all is well.

    What programs post by themselves, they try again with growing pauses: those may pass first.
    """
    with suppress(AssertionError):  # whose they are is said below
        await until(lambda: crew.waiting == 0, "an empty outbox everywhere", PAUSES_S)
    for poster in crew.posters:
        await poster.client.refresh()
    tried = sum(len(poster.tried) for poster in crew.posters)
    with suppress(AssertionError):  # a key that the server refused for a while is asked for again
        await until(lambda: len(crew.posters[-1].shown()) >= tried, "all that was tried", PAUSES_S)
    found = await read(crew.posters[0].client, crew.log)
    return [
        *_order(found, town, crew.log),
        *(line for poster in crew.posters for line in _kept(poster, found)),
        *_heads(crew, found, town),
        *_once(crew, found),
    ]


def _order(found: Reading, town: Deployment, log: LogId) -> Iterator[str]:
    """No gap, time never goes back, and our own tree is what the server signed."""
    for place, item in enumerate(found.items):
        if item.seq != place:
            yield f"place {place} holds entry {item.seq}"
        if place and item.at < found.items[place - 1].at:
            yield f"entry {place} is older than the one before it"
    head = open_checkpoint(found.note, origin(town.name, log), town.log_key)
    if (head.size, head.root) != (len(found.items), found.tree.root()):
        yield f"the checkpoint of size {head.size} is not of these {len(found.items)} entries"


def _kept(poster: Poster, found: Reading) -> Iterator[str]:
    """Each receipt's entry stands at its place with its leaf; nothing waits, nothing alarmed."""
    code = poster.client.code
    for receipt in poster.receipts:
        if receipt.seq >= len(found.items):
            yield f"{code}: acknowledged entry {receipt.seq} is lost"
            continue
        item = found.items[receipt.seq]
        if item.leaf != receipt.leaf:
            yield f"{code}: acknowledged entry {receipt.seq} has another leaf"
        if item.entry is None or item.entry.header.id != receipt.id:
            yield f"{code}: acknowledged entry {receipt.seq} is another entry"
    if poster.waiting:
        yield f"{code}: {poster.waiting} entries still wait"
    if poster.operation.root(len(found.items)) != found.tree.root():
        yield f"{code}: another tree than the server's"
    for alarm in poster.client.alarms():
        yield f"{code}: alarm {alarm.code}: {alarm.detail}"


def _heads(crew: Crew, found: Reading, town: Deployment) -> Iterator[str]:
    """No two checkpoints of one size: over all clients, all rounds, and what is there now."""
    notes: dict[int, set[bytes]] = {len(found.items): {found.note}}
    for poster in crew.posters:
        for (log, size), seen in poster.notes.items():
            if log == crew.log:
                notes.setdefault(size, set()).update(seen)
    yield from contradicted(notes, found, town, crew.log)


def contradicted(
    notes: Mapping[int, set[bytes]], found: Reading, town: Deployment, log: LogId
) -> Iterator[str]:
    """Sizes with more than one note, or one that is not of this log's entries."""
    name = origin(town.name, log)
    for size, seen in sorted(notes.items()):
        if len(seen) > 1:
            yield f"{len(seen)} checkpoints of size {size}"
        if size > len(found.items):
            yield f"a checkpoint of size {size} was shown; the log has {len(found.items)}"
            continue
        for note in seen:
            try:
                head = open_checkpoint(note, name, town.log_key)
            except ProtocolError as error:
                yield f"the checkpoint of size {size} does not open: {error}"
                continue
            if (head.size, head.root) != (size, found.tree.root(size)):
                yield f"the checkpoint of size {size} is not of these entries"


def _once(crew: Crew, found: Reading) -> Iterator[str]:
    """Whatever was tried stands in the log exactly once: by entry, by message, and by text."""
    ids = Counter(
        (item.scope, item.entry.header.device, item.entry.header.id)
        for item in found.items
        if item.entry is not None
    )
    yield from (f"entry {id.hex()} stands there twice" for (_, _, id), n in ids.items() if n > 1)
    shown = crew.posters[-1].shown()
    mids = Counter(message.mid for message in shown)
    yield from (f"message {mid!r} is shown {n} times" for mid, n in mids.items() if n > 1)
    texts = Counter(message.content["text"] for message in shown if message.content is not None)
    for poster in crew.posters:
        for text in poster.tried:
            if texts.pop(text, 0) != 1:
                yield f"{text!r} was posted once and is shown otherwise"
    yield from (f"{text!r} was never posted" for text in texts)
