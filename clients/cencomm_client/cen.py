"""The reviewed, non-nominal extract for CEN, made on the owning NCP's client (DOMAIN "CEN record").

By allow-list: a field that is not named here does not leave. Free text leaves only with a
person's yes; H2, TLP RED, exercises, damaged or doubtful entries never do. The same log and the
same answers give the same bytes, so sending twice changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cencomm_client.forms.fields import FormInvalid
from cencomm_client.forms.seizure import KIND, Goods, Seizure
from cencomm_client.items import Flag, Message

FORMAT = 1
CORRECTION, WITHDRAWAL = "COR", "WDR"
USE, USE_WITHDRAWN = "CEN", "CEN withdrawn"
RECALLED = frozenset(["withdrawn", "handling_h2", "tlp_red"])  # damage here recalls nothing there
DOUBTS = (Flag.FORGED_METADATA, Flag.AFTER_REVOCATION)

FREE_TEXT = frozenset(
    ["goods.description", "goods.brand", "goods.cites_taxon", "conveyance.type", "concealment"]
)
_CASE = ("country", "office", "location", "direction", "offence", "detection", "trigger")
_GOODS = (
    *("category", "hs", "description", "brand", "authenticity", "origin", "quantity", "unit"),
    *("pieces", "unweighed", "value", "currency", "cas", "cites_taxon", "cites_appendix"),
)
_ROUTE = ("departure", "transits", "destination")
_CONVEYANCE = ("mode", "type")
_DATES = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%HZ", "minute": "%Y-%m-%dT%H:%MZ"}


@dataclass(frozen=True, slots=True, order=True)
class FreeText:
    """One piece of free text that waits for a person's yes: entry (leaf hash), path, the text."""

    leaf: bytes
    path: str  # "goods[0].description"
    text: str = field(compare=False)

    @property
    def answer(self) -> str:
        """The line that approves exactly this text: entry, path and the text's hash."""
        digest = sha256(self.text.encode()).hexdigest()[:16]
        return f"{self.leaf.hex()} {self.path} {digest}"


@dataclass(frozen=True, slots=True)
class Excluded:
    """An entry that does not pass, with the reason as a code and a sentence."""

    leaf: bytes
    seq: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """One non-nominal record: the entry it is of, the fields that pass, the JSON value."""

    leaf: bytes
    fields: tuple[str, ...]
    value: Mapping[str, Any]

    @property
    def line(self) -> bytes:
        """The JSON line, ASCII, keys sorted."""
        return _json(self.value) + b"\n"


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
        return _json(value) + b"\n"

    @property
    def manifest_hash(self) -> bytes:
        """SHA-256 of the manifest, 32 bytes."""
        return sha256(self.manifest).digest()

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `<hash>.records.jsonl` and `<hash>.manifest.json`; the same extract, same files."""
        stem = self.manifest_hash.hex()[:16]
        records, manifest = folder / f"{stem}.records.jsonl", folder / f"{stem}.manifest.json"
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in ((records, self.lines), (manifest, self.manifest)):
            part = path.with_name(path.name + ".part")
            part.write_bytes(content)
            part.replace(path)
        return records, manifest


@dataclass(frozen=True, slots=True)
class Released:
    """A release entry in the log: its own leaf, the entry it is about, the manifest, the use."""

    leaf: bytes
    entry: bytes
    manifest: bytes
    use: str


def prepare(
    messages: Iterable[Message],
    *,
    operation: str,
    administration: str,
    approved: Collection[str] = (),
    released: Iterable[Released] = (),
) -> Extract:
    """Select, correct, reduce. `approved` holds `FreeText.answer` lines that a person said yes to.

    Only entries of the own administration are looked at: each NCP releases its own.
    """
    own = [message for message in messages if message.author.administration == administration]
    own = _once(own)
    records: list[Record] = []
    excluded: list[Excluded] = []
    pending: list[FreeText] = []
    changes = _changes(own)
    for message in own:
        if message.kind != KIND:
            continue
        refusal = _refusal(message)
        if refusal is None:
            try:
                seizure = _corrected(message, changes.get(message.place.leaf, []))
                refusal = _handling(seizure)
            except FormInvalid as error:
                refusal = ("form_invalid", error.detail)
            except _Withdrawn as error:
                refusal = ("withdrawn", str(error))
        if refusal is not None:
            excluded.append(Excluded(message.place.leaf, message.place.seq, *refusal))
            continue
        record, waiting = _record(message.place.leaf, operation, seizure, approved)
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
    return {item.entry: item for item in released if item.use in (USE, USE_WITHDRAWN)}


class _Withdrawn(Exception):
    pass


def _once(messages: list[Message]) -> list[Message]:
    """A message sealed anew counts once, as it came first (same author and `mid`)."""
    found: dict[tuple[bytes, bytes], Message] = {}
    for message in messages:
        found.setdefault((message.author.device, message.mid or message.place.leaf), message)
    return list(found.values())


def _changes(messages: list[Message]) -> dict[bytes, list[Message]]:
    """Corrections and withdrawals by their target, in the order of the log."""
    changes: dict[bytes, list[Message]] = {}
    for message in messages:
        if message.kind in (CORRECTION, WITHDRAWAL) and message.content is not None:
            target = message.content.get("target")
            if isinstance(target, bytes) and not message.flags.intersection(DOUBTS):
                changes.setdefault(target, []).append(message)
    return changes


def _refusal(message: Message) -> tuple[str, str] | None:
    if message.damage is not None:
        return "damaged", f"{message.damage.code}: {message.damage.detail}"
    if Flag.EXERCISE in message.flags:
        return "exercise", "entries of an exercise never reach CEN"
    for doubt in DOUBTS:
        if doubt in message.flags:
            return doubt, "the entry is doubtful; report it anew"
    return None


def _handling(seizure: Seizure) -> tuple[str, str] | None:
    if "H2" in seizure.handling:
        return "handling_h2", "H2: not passed on without permission"
    if seizure.tlp == "RED":
        return "tlp_red", "TLP RED: for the named recipients only"
    return None


def _corrected(message: Message, changes: list[Message]) -> Seizure:
    content = dict(message.content or {})
    for change in changes:
        assert change.content is not None  # noqa: S101 - _changes took only opened ones
        if change.kind == WITHDRAWAL:
            raise _Withdrawn(f"withdrawn by entry {change.place.seq}")
        fields = change.content.get("fields")
        if isinstance(fields, Mapping):
            content.update(fields)
    return Seizure.parse(content)


def _record(
    leaf: bytes, operation: str, seizure: Seizure, approved: Collection[str]
) -> tuple[Record, list[FreeText]]:
    sieve = _Sieve(leaf, approved)
    when = datetime.fromtimestamp(seizure.at / 1000, UTC).strftime(_DATES[seizure.precision])
    case = sieve.part(seizure, _CASE, "")
    value: dict[str, Any] = {
        "format": FORMAT,
        "record": leaf.hex(),
        "operation": operation,
        "case": {**case, "date": when, "precision": seizure.precision},
        "goods": [
            sieve.part(goods, _GOODS, f"goods[{place}]")
            for place, goods in enumerate(seizure.goods)
        ],
        "route": sieve.part(seizure.route, _ROUTE, "route"),
        "persons": dict(sorted(Counter(person.role for person in seizure.persons).items())),
    }
    if seizure.conveyance is not None:
        value["conveyance"] = sieve.part(seizure.conveyance, _CONVEYANCE, "conveyance")
    value.update(sieve.part(seizure, ("concealment",), ""))
    fields = tuple(sorted({*sieve.fields, "date", "precision", "persons"}))
    return Record(leaf, fields, value), sieve.pending


class _Sieve:
    """Takes the listed fields of a form part; free text only with its yes."""

    def __init__(self, leaf: bytes, approved: Collection[str]) -> None:
        self._leaf, self._approved = leaf, approved
        self.fields: set[str] = set()
        self.pending: list[FreeText] = []

    def part(self, form: Seizure | Goods | Any, names: Iterable[str], path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name in names:
            value = getattr(form, name)
            if value in (None, (), False):
                continue
            general = f"{path.partition('[')[0]}.{name}" if path else name
            if general in FREE_TEXT:
                text = FreeText(self._leaf, f"{path}.{name}" if path else name, value)
                if text.answer not in self._approved:
                    self.pending.append(text)
                    continue
            self.fields.add(general)
            kept[name] = list(value) if isinstance(value, tuple) else value
        return kept


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
