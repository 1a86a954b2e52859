"""Steps from an older format of the store to this one (DESIGN 11), run when it is opened.

A step only adds: what it reads stays where it was, as the copy from before. It may be broken off
anywhere and run again, by several processes at once; the number is raised at its end. Stop every
process of an older version first: what it writes after the step is not seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
from cencomm_crypto.public.ids import LogId

from cencomm_server.store import schema
from cencomm_server.store.collection import Collection, Document
from cencomm_server.store.kept_logs import note_document
from cencomm_server.store.port import CheckpointConflict

_log = structlog.get_logger()

_CHUNK = 1_000  # documents of one insert

Open = Callable[[str], Collection]
Step = Callable[[Open], Awaitable[int]]


async def migrate(named: Open, meta: Collection, about: str, written: int) -> None:
    """Bring a store of format `written` to this one; raises CheckpointConflict, StoreDown.

    `named` opens a collection, `about` is the key of the document that names the format.
    """
    for number in sorted(step for step in STEPS if step >= written):
        moved = await STEPS[number](named)
        await meta.update({"_id": about, "format": number}, {"$set": {"format": number + 1}})
        _log.info("store_migrated", format=number + 1, documents=moved)


async def _notes_among_entries(named: Open) -> int:
    """From 1: the notes of collection `checkpoints` go beside the entries that they cover."""
    old, entries, moved = named("checkpoints"), named(schema.ENTRIES.name), 0
    for log in await named(schema.LOGS.name).find({}, "_id", ["_id"]):
        found = await old.find({"log": log["_id"]}, "size", ["size", "note"])
        for start in range(0, len(found), _CHUNK):
            await _insert_all(
                entries,
                [
                    note_document(LogId(log["_id"]), int(note["size"]), bytes(note["note"]))
                    for note in found[start : start + _CHUNK]
                ],
            )
        moved += len(found)
    return moved


async def _insert_all(entries: Collection, notes: list[Document]) -> None:
    """Insert those that are not there yet; another note of a size stops everything (A4)."""
    while notes:
        notes = notes[await entries.insert_many(notes) :]
        if notes:
            where = {name: notes[0][name] for name in ("log", "seq")}
            stands = await entries.find_one(where, ["note"])
            if stands is None or bytes(stands["note"]) != notes[0]["note"]:
                raise CheckpointConflict(f"another note of size {-where['seq']} is stored")
            notes = notes[1:]


async def _places_may_be_lost(_: Open) -> int:
    """From 2: nothing moves. A place may stand as lost, which an older program would call damage
    of the log, and stop it for good."""
    return 0


STEPS: Mapping[int, Step] = {1: _notes_among_entries, 2: _places_may_be_lost}
"""The step that leads from each format to the next one."""
