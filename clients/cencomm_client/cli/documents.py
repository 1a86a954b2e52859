"""The JSON form of what the SDK gives; field names as in docs/cli.md, values by `output.plain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.operation.state import Channel, Hold, Member, OperationState

from cencomm_client.cli.output import field_documents
from cencomm_client.directing import closed_at, path_of
from cencomm_client.items import Alarm, Author, Control, Item, Message, Place
from cencomm_client.offboarding import Offboarded
from cencomm_client.operation import Operation
from cencomm_client.operations import Summary
from cencomm_client.posting import Posted
from cencomm_client.proposals import Proposed
from cencomm_client.reviewing import review_at
from cencomm_client.tasks import Task
from cencomm_client.verification import Verification


def item_document(item: Item, language: str) -> dict[str, Any]:
    """One item of `follow`."""
    if isinstance(item, Message):
        return _message(item, language)
    if isinstance(item, Control):
        return {
            "item": "control",
            **_place(item.place),
            "author": _author(item.author),
            "type": item.type,
            "channel": item.channel_name,
            "body": dict(item.body),
            "flags": sorted(item.flags),
        }
    return {
        "item": "alarm" if isinstance(item, Alarm) else "notice",
        "log": item.log,
        "seq": item.seq,
        "at": item.at,
        "code": item.code,
        "detail": item.detail,
        **({"row": item.row} if isinstance(item, Alarm) else {}),
    }


def posted_document(posted: Posted) -> dict[str, Any]:
    """A receipt."""
    return {"seq": posted.seq, "leaf": posted.leaf, "mid": posted.mid}


def summary_document(summary: Summary) -> dict[str, Any]:
    """One line of `operation list`."""
    return {
        "log": summary.id,
        "name": summary.name,
        "phase": str(summary.phase),
        "role": summary.role,
        "window": list(summary.window),
        "size": summary.size,
        "exercise": summary.exercise,
    }


def operation_document(operation: Operation, directory: DirectoryState) -> dict[str, Any]:
    """`operation show`."""
    state = operation.state
    return {
        "log": operation.id,
        "name": operation.name,
        "phase": str(operation.phase),
        "exercise": operation.exercise,
        "holds": [
            {"hold": hold.leaf, "at": hold.at, "reason": hold.reason} for hold in _holds(state)
        ],
        "review_at": review_at(state),
        "role": operation.role,
        "window": list(state.window),
        "live": list(state.live),
        "grace": state.grace,
        "size": state.size,
        "forms": state.genesis["forms"],
        "members": [_member(member, directory) for member in operation.members()],
        "channels": [
            {
                "channel": channel.id,
                "name": path_of(state, channel),
                "parent": channel.parent,
                "main": channel.main,
                "epoch": channel.epoch,
                "window": list(state.window_of(channel)),
                "closed": closed_at(state, channel),
                "mine": state.in_channel(operation.person, channel),
                "readers": _readers(state, channel, directory),
            }
            for channel in _listed(state)
        ],
        "auditors": [directory.persons[person].code for person in state.audit.persons],
        "quorum": state.audit.k,
        "proposals": [
            {"proposal": leaf, "subject": found.subject, "at": found.at, "spent": found.spent}
            for leaf, found in sorted(state.proposals.items(), key=lambda row: row[1].seq)
        ],
        "remarks": [
            {"code": remark.code, "detail": remark.detail} for remark in operation.remarks()
        ],
    }


def _readers(
    state: OperationState, channel: Channel, directory: DirectoryState
) -> list[str] | None:
    """Codes of who reads a channel, whose name may say anything; None for one of everybody."""
    if channel.main or (channel.rule is not None and channel.rule.everybody):
        return None
    inside = (person for person in state.members if state.in_channel(person, channel))
    return sorted(directory.persons[person].code for person in inside)


def _holds(state: OperationState) -> list[Hold]:
    return sorted(state.holds.values(), key=lambda hold: hold.seq)


def task_document(task: Task) -> dict[str, Any]:
    """One line of `operation tasks`."""
    return {
        "leaf": task.leaf,
        "seq": task.seq,
        "channel": task.channel,
        "by": task.author,
        "assignee": task.assignee,
        "mandatory": task.mandatory,
        "due": task.due,
    }


def offboarded_document(done: Offboarded) -> dict[str, Any]:
    """`operation offboard`."""
    return {
        "administration": done.administration,
        "removed": list(done.removed),
        "successor": done.successor,
        "rotated": list(done.rotated),
        "waiting": list(done.waiting),
        "revoked": list(done.revoked),
        "active": list(done.active),
        "tasks": [task_document(task) for task in done.tasks],
        "handed_on": [task_document(task) for task in done.handed_on],
        "auditors": list(done.auditors),
    }


def proposal_document(proposal: Proposed) -> dict[str, Any]:
    """One line of `operation proposals`."""
    return {
        "proposal": proposal.leaf,
        "subject": proposal.subject,
        "seq": proposal.seq,
        "at": proposal.at,
        "expires": proposal.expires,
        "by": proposal.code,
        "administration": proposal.administration,
        "body": dict(proposal.body),
        "state": str(proposal.standing),
        "ours": proposal.ours,
    }


def verification_document(verdict: Verification) -> dict[str, Any]:
    """`verify`."""
    return {
        "log": verdict.log,
        "name": verdict.name,
        "ok": verdict.ok,
        "size": verdict.size,
        "root": verdict.root,
        "directory": {"size": verdict.directory_size, "root": verdict.directory_root},
        "signatures": verdict.signatures,
        "withheld": verdict.withheld,
        "erased": verdict.erased,
        "lost": verdict.lost,
        "heads": verdict.heads,
        "receipts": verdict.receipts,
        "readable": verdict.readable,
        "unreadable": verdict.unreadable,
        "types": verdict.types,
        "trail": verdict.trail,
        "channels": [
            {
                "name": reach.name,
                "epochs": reach.epochs,
                "reached": reach.reached,
                "missing": list(reach.missing),
            }
            for reach in verdict.channels
        ],
        "findings": [
            {"code": finding.code, "seq": finding.seq, "detail": finding.detail}
            for finding in verdict.findings
        ],
    }


def _listed(state: OperationState) -> list[Channel]:
    """Channels in the order in which they were made, directed ones behind their parents."""

    def place(channel: Channel) -> tuple[int, int]:
        upper = channel if channel.parent is None else state.channels[channel.parent]
        return upper.created, channel.created

    return sorted(state.channels.values(), key=place)


def _message(item: Message, language: str) -> dict[str, Any]:
    return {
        "item": "message",
        **_place(item.place),
        "author": _author(item.author),
        "channel": item.channel_name,
        "type": item.type,
        "kind": item.kind,
        "content": item.content,
        "mid": item.mid,
        "re": item.re,
        "prio": item.prio,
        "ack_by": item.ack_by,
        "to": list(item.to),
        "epoch": item.epoch,
        "flags": sorted(item.flags),
        "forged": list(item.forged),
        "damage": None
        if item.damage is None
        else {
            "code": str(item.damage.code),
            "detail": item.damage.detail,
            "fields": field_documents(item.damage.errors, language),
        },
    }


def _place(place: Place) -> dict[str, Any]:
    return {"log": place.log, "seq": place.seq, "at": place.at, "leaf": place.leaf}


def _author(author: Author) -> dict[str, Any]:
    return {
        "code": author.code,
        "administration": author.administration,
        "name": author.name,
        "device": author.device,
    }


def _member(member: Member, directory: DirectoryState) -> Mapping[str, Any]:
    return {
        "code": directory.persons[member.person].code,
        "role": member.role,
        "devices": [device.id for device in directory.active_devices(member.person)],
    }
