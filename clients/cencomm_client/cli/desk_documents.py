"""The JSON form of the desk and of chains; field names as in docs/cli.md."""

from __future__ import annotations

from typing import Any

from cencomm_client.operation import Operation
from cencomm_client.station import wall_clock
from cencomm_client.work.attending import Attendant
from cencomm_client.work.chain import Chain
from cencomm_client.work.duties import Duty
from cencomm_client.work.sightings import Spot
from cencomm_client.work.snapshot import Completeness, Count, Overdue


def desk_document(operation: Operation, attendant: Attendant) -> dict[str, Any]:
    """`cencomm desk --json`: everything, nothing cut off."""
    snap = attendant.refresh().snapshot(attendant.now(wall_clock()))
    totals = snap.totals
    return {
        "log": operation.id,
        "name": operation.name,
        "phase": str(operation.phase),
        "at": snap.at,
        "entries": totals.entries,
        "seizures": totals.seizures,
        "warnings": [chain_document(chain, snap.at) for chain in snap.warnings],
        "overdue": [_overdue(row) for row in snap.overdue],
        "stages": {
            code: {stage.label: count for stage, count in counts.items()}
            for code, counts in sorted(snap.stages.items())
        },
        "hits": [chain_document(chain, snap.at) for chain in snap.hits],
        "tasks": [chain_document(chain, snap.at) for chain in snap.tasks],
        "returns_due": [
            {"administration": row.administration, "missing": row.missing, "since": row.since}
            for row in snap.nil_due
        ],
        "completeness": [_completeness(row) for row in snap.completeness],
        "clones": [
            {"number": clone.number, "sightings": [_spot(clone.first), _spot(clone.second)]}
            for clone in snap.clones
        ],
    }


def chain_document(chain: Chain, now: int) -> dict[str, Any]:
    """One chain: what started it, how far it came, who owes what."""
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
        "subject": chain.subject,
        "stands": chain.stand,
        "open": chain.open,
        "entries": chain.entries,
        "duties": [_duty(duty, now) for duty in chain.duties],
    }


def _duty(duty: Duty, now: int) -> dict[str, Any]:
    stage = duty.stage(now)
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
