"""The JSON form of the desk and of chains; field names as in docs/cli.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cencomm_client.items import Message
from cencomm_client.operation import Operation
from cencomm_client.work import reading
from cencomm_client.work.attending import Attendant
from cencomm_client.work.chain import Chain
from cencomm_client.work.changes import sound
from cencomm_client.work.desk import Desk
from cencomm_client.work.duties import Duty
from cencomm_client.work.gate import Gate
from cencomm_client.work.sightings import Spot
from cencomm_client.work.snapshot import Completeness, Count, Overdue


def desk_document(operation: Operation, attendant: Attendant) -> dict[str, Any]:
    """`cencomm desk --json`: everything, nothing cut off; without what H2 or RED entries are
    about."""
    gate = Gate(operation)

    def rows(chains: Iterable[Chain]) -> list[dict[str, Any]]:
        return [chain_document(one, snap.clock, hide=gate.hidden(one.root)) for one in chains]

    snap = attendant.refresh().snapshot(attendant.now())
    totals = snap.totals
    return {
        "log": operation.id,
        "name": operation.name,
        "phase": str(operation.phase),
        "at": snap.at,
        "clock": snap.clock,
        "suspended": snap.suspended,
        "entries": totals.entries,
        "seizures": totals.seizures,
        "warnings": rows(snap.warnings),
        "overdue": [_overdue(row) for row in snap.overdue],
        "stages": {
            code: {stage.label: count for stage, count in counts.items()}
            for code, counts in sorted(snap.stages.items())
        },
        "hits": rows(snap.hits),
        "tasks": rows(snap.tasks),
        "returns_due": [
            {"administration": row.administration, "missing": row.missing, "since": row.since}
            for row in snap.nil_due
        ],
        "completeness": [_completeness(row) for row in snap.completeness],
        "clones": [
            {
                "number": None if any(map(gate.hidden_at, clone.entries)) else clone.number,
                "sightings": [
                    {"entry": spot[0]} if gate.hidden_at(spot[0]) else _spot(spot)
                    for spot in (clone.first, clone.second)
                ],
            }
            for clone in snap.clones
        ],
    }


def chain_document(chain: Chain, clock: int, *, hide: bool) -> dict[str, Any]:
    """One chain: what started it, how far it came, who owes what when the clocks stand at
    `clock`; `hide` leaves out what it is about."""
    root = chain.root
    return {
        "leaf": chain.leaf,
        "seq": root.place.seq,
        "at": root.place.at,
        "kind": chain.kind,
        "prio": root.prio,
        "channel": root.channel_name,
        "author": root.author.code,
        "administration": root.author.administration,
        "subject": None if hide else chain.subject,
        "stands": chain.stand,
        "open": chain.open,
        "entries": chain.entries,
        "duties": [_duty(duty, clock) for duty in chain.duties],
    }


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a chain: `state` says whether it stands."""

    message: Message
    state: str  # "", corrected, withdrawn, without effect, repeated


def history_rows(desk: Desk, chain: Chain) -> list[HistoryRow]:
    """Everything that was said in a chain, in the log's order."""
    messages = desk.history(chain.leaf)
    idle = {change.place.leaf for one in messages for change in desk.present(one).idle}
    rows: list[HistoryRow] = []
    reminders: set[bytes] = set()
    for message in messages:
        present = desk.present(message)
        again = message.kind == reading.MESSAGE and message.mid in reminders
        reminders.add(message.mid or b"")
        if again:
            state = "repeated"
        elif present.withdrawn is not None:
            state = "withdrawn"
        elif message.place.leaf in idle or not sound(message):
            state = "without effect"
        else:
            state = "corrected" if present.applied else ""
        rows.append(HistoryRow(message, state))
    return rows


def _duty(duty: Duty, clock: int) -> dict[str, Any]:
    stage = duty.stage(clock)
    return {
        "what": str(duty.what),
        "administration": duty.administration or None,
        "due": duty.due,
        "met_at": duty.met_at,
        "late": duty.late,
        "stage": None if stage is None else stage.label,
    }


def _overdue(row: Overdue) -> dict[str, Any]:
    return {
        "stage": row.stage.label,
        "administration": row.administration or None,
        "what": str(row.duty.what),
        "due": row.duty.due,
        "entry": None if row.chain is None else row.chain.root.place.seq,
        "leaf": None if row.chain is None else row.chain.leaf,
    }


def _completeness(row: Completeness) -> dict[str, Any]:
    return {
        "administration": row.administration,
        **_count(row.total),
        "nil": row.nil,
        "entries": row.posted,
        "by": {str(what): _count(count) for what, count in row.counts.items()},
    }


def _count(count: Count) -> dict[str, Any]:
    return {"owed": count.owed, "sent": count.sent, "late": count.late}


def _spot(spot: Spot) -> dict[str, Any]:
    seq, seen = spot
    return {"entry": seq, "place": seen.place, "from": seen.when.start, "to": seen.when.end}
