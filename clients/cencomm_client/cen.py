"""The reviewed, non-nominal extract for CEN, made on the owning NCP's client (DOMAIN "CEN record").

By allow-list: a field that is not named here does not leave. Free text leaves only with a
person's yes; H2, TLP RED, exercises, damaged or doubtful entries never do. The same log and the
same answers give the same bytes, so sending twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cencomm_config.display import LAST_MS
from cencomm_config.forms import FormInvalid, base_set
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.operation.state import Release as Released
from cencomm_crypto.public.rights import Role

from cencomm_client.cen_record import FORMAT, FreeText, Record, ascii_json, make_record
from cencomm_client.exercise import is_exercise
from cencomm_client.handling import Way, codes
from cencomm_client.items import DOUBTS, Flag, Message
from cencomm_client.kinds import SEIZURE
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.sealed_file import replace_file
from cencomm_client.work.changes import Present
from cencomm_client.work.gate import Gate
from cencomm_client.work.threads import Threads

USE, USE_WITHDRAWN = "CEN", "CEN withdrawn"
RECALLED = frozenset(["withdrawn", "handling_h2", "tlp_red", "exercise"])
"""Why what was released before is recalled; damage here recalls nothing there."""
_EXERCISE = "entries of an exercise never reach CEN"


Forbids = Callable[[Message], Collection[str]]
"""The codes that bind an entry and that no REL for CEN lifts. What it says now is not all of them:
who may not grant takes none off (`Handling.codes`)."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """An entry that does not pass, with the reason as a code and a sentence."""

    leaf: bytes
    seq: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Extract:
    """All that one administration has for CEN from one operation, in the order of the log."""

    operation: str
    administration: str
    records: tuple[Record, ...]
    withdrawn: tuple[bytes, ...]  # released before, withdrawn or restricted since
    excluded: tuple[Excluded, ...]
    pending: tuple[FreeText, ...]

    @property
    def lines(self) -> bytes:
        """The JSON Lines file."""
        return b"".join(record.line for record in self.records)

    @property
    def manifest(self) -> bytes:
        """The manifest: what the lines file holds, by hash; its own hash goes into the log."""
        value = {
            "format": FORMAT,
            "operation": self.operation,
            "administration": self.administration,
            "count": len(self.records),
            "lines_sha256": sha256(self.lines).hexdigest(),
            "records": [
                {"entry": record.leaf.hex(), "sha256": sha256(record.line).hexdigest()}
                for record in self.records
            ],
            "withdrawn": [leaf.hex() for leaf in self.withdrawn],
        }
        return ascii_json(value) + b"\n"

    @property
    def manifest_hash(self) -> bytes:
        """SHA-256 of the manifest, 32 bytes."""
        return sha256(self.manifest).digest()

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `<hash>.records.jsonl` and `<hash>.manifest.json`, for their owner alone; the same
        extract, same files."""
        stem = self.manifest_hash.hex()[:16]
        records, manifest = folder / f"{stem}.records.jsonl", folder / f"{stem}.manifest.json"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(records, self.lines)
        replace_file(manifest, self.manifest)
        return records, manifest


def prepare(
    messages: Iterable[Message],
    *,
    operation: str,
    administration: str,
    approved: Collection[str] = (),
    released: Iterable[Released] = (),
    forbids: Forbids | None = None,
) -> Extract:
    """Select, correct, reduce. `approved` holds `FreeText.answer` lines that a person said yes to;
    Without `forbids` an entry's own codes bind it, and nothing lifts them.

    Only entries of the own administration are looked at: each NCP releases its own.
    """
    threads = Threads()
    for message in messages:
        if message.author.administration == administration:
            threads.take(message)
    records: list[Record] = []
    excluded: list[Excluded] = []
    pending: list[FreeText] = []
    for message in threads.messages():
        if message.kind != SEIZURE:
            continue
        refusal = _refusal(message)
        if refusal is None:
            try:
                seizure = _standing(threads.changes.present(message))
                refusal = _exercise(seizure) or _undated(seizure)
                marks = codes(seizure) if forbids is None else forbids(message)
                refusal = refusal or _handling(marks)
            except FormInvalid as error:
                refusal = ("form_invalid", error.detail)
            except _Withdrawn as error:
                refusal = ("withdrawn", str(error))
        if refusal is not None:
            excluded.append(Excluded(message.place.leaf, message.place.seq, *refusal))
            continue
        record, waiting = make_record(message.place.leaf, operation, seizure, approved)
        records.append(record)
        pending.extend(waiting)
    recalled = {item.leaf for item in excluded if item.reason in RECALLED}
    return Extract(
        operation,
        administration,
        tuple(records),
        tuple(sorted(recalled & set(current(released)))),
        tuple(excluded),
        tuple(pending),
    )


@dataclass(frozen=True, slots=True)
class Release:
    """The body of a `release` entry that is to be posted."""

    entry: bytes
    fields: tuple[str, ...]
    use: str
    manifest: bytes
    replaces: bytes | None

    def body(self) -> dict[str, Any]:
        """The entry's body map."""
        body: dict[str, Any] = {
            "entry": self.entry,
            "fields": list(self.fields),
            "use": self.use,
            "manifest": self.manifest,
        }
        return body if self.replaces is None else {**body, "replaces": self.replaces}


def releases_due(extract: Extract, released: Iterable[Released]) -> tuple[Release, ...]:
    """Release entries that the log lacks for this extract; none when it was released before."""
    last = current(released)
    manifest = extract.manifest_hash
    wanted = [(record.leaf, record.fields, USE) for record in extract.records]
    wanted += [(leaf, (), USE_WITHDRAWN) for leaf in extract.withdrawn]
    due: list[Release] = []
    for leaf, fields, use in wanted:
        before = last.get(leaf)
        if before is None or (before.manifest, before.use) != (manifest, use):
            replaces = None if before is None else before.leaf
            due.append(Release(leaf, fields, use, manifest, replaces))
    return tuple(due)


def current(released: Iterable[Released]) -> dict[bytes, Released]:
    """The last CEN release of each entry, in the order of the log."""
    ordered = sorted(released, key=lambda item: item.seq)
    return {item.entry: item for item in ordered if item.use in (USE, USE_WITHDRAWN)}


Review = Callable[[FreeText], bool]
"""A person's answer to one piece of free text: may it leave?"""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one run did: the extract, its two files, the release entries that it posted."""

    extract: Extract
    records: Path | None
    manifest: Path | None
    posted: tuple[Posted, ...]


async def extract(
    operation: Operation,
    *,
    folder: Path | None = None,
    review: Review | None = None,
    approved: Collection[str] = (),
    release: bool = True,
) -> Extracted:
    """Make the own administration's extract, write it to `folder`, and log its manifest hash.

    Call after the end, on the owning NCP's client. `review` is asked for each piece of free
    text that `approved` does not name; nobody asked means no. With `release` a `release` entry
    with the manifest's hash is posted per record; one that stands in the log already is not.
    Without it nothing is written that only a grant lets pass: its use would not be in the log.
    Raises ProtocolError NOT_CLOSED, NOT_PERMITTED; Refused, TransportError.
    """
    await operation.refresh()
    state = operation.state
    if operation.role is not Role.NCP:
        raise ProtocolError(ErrorCode.NOT_PERMITTED, "only an NCP of the operation extracts")
    if not state.ended(state.at):
        raise ProtocolError(ErrorCode.NOT_CLOSED, "the operation is not over yet")
    own = state.members[operation.person].admin
    messages = [  # of this administration, not of a former one of its code
        item for item in operation.items() if isinstance(item, Message) and item.author.admin == own
    ]
    released = (  # of an exercise another client's release counts for nothing
        []
        if is_exercise(state)
        else [item for item in state.releases.values() if item.admin == own]
    )

    gate = Gate(operation)

    def forbids(message: Message) -> Collection[str]:
        logged = release or folder is None
        return () if logged and gate.lifts(message, Way.CEN) else gate.codes(message)

    def prepared(answers: Collection[str]) -> Extract:
        return prepare(
            messages,
            operation=operation.name,
            administration=operation.administration,
            approved=answers,
            released=released,
            forbids=forbids,
        )

    made = prepared(approved)
    if review is not None and made.pending:
        yes = {text.answer for text in made.pending if review(text)}
        made = prepared({*approved, *yes})
    posted = [  # before anything leaves: it is the entry that says so
        await operation.release(due.body())
        for due in (releases_due(made, released) if release else ())
    ]
    files = None if folder is None else await asyncio.to_thread(made.write, folder)
    records, manifest = files or (None, None)
    return Extracted(made, records, manifest, tuple(posted))


class _Withdrawn(Exception):
    pass


def _refusal(message: Message) -> tuple[str, str] | None:
    if message.damage is not None:
        return "damaged", f"{message.damage.code}: {message.damage.detail}"
    if message.type == "drop":
        return Flag.UNEXPECTED_KIND, "a bot saw nothing; a person reports a seizure"
    if Flag.EXERCISE in message.flags:
        return "exercise", _EXERCISE
    for doubt in sorted(DOUBTS & message.flags):
        return doubt, "the entry is doubtful; report it anew"
    return None


def _exercise(seizure: Mapping[str, Any]) -> tuple[str, str] | None:
    return ("exercise", _EXERCISE) if seizure.get("exercise") else None


def _undated(seizure: Mapping[str, Any]) -> tuple[str, str] | None:
    """A form takes any 53 bits for a time; a record has a date."""
    wrong = seizure["at"] > LAST_MS
    return ("form_invalid", f"at: {seizure['at']} is a time without a date") if wrong else None


def _handling(marks: Collection[str]) -> tuple[str, str] | None:
    """What the codes forbid."""
    if "H2" in marks:
        return "handling_h2", "H2: not passed on without permission"
    if "TLP RED" in marks:
        return "tlp_red", "TLP RED: for the named recipients only"
    return None


def _standing(present: Present) -> dict[str, Any]:
    """The seizure as it stands, in its normal form; raises FormInvalid, _Withdrawn."""
    if present.content is None:
        by = "" if present.withdrawn is None else f" by entry {present.withdrawn.place.seq}"
        raise _Withdrawn(f"withdrawn{by}")
    form = base_set().form(SEIZURE)  # a narrower set of the operation changes nothing here
    made = form.normal(dict(present.content))
    form.require(made)
    return made
