"""The state as plain values in one order, and its hash: implementations compare by it.

What follows from which entries were accepted (entry ids, authors of messages) is represented by
each scope's `trail`; caches are left out.
"""

from __future__ import annotations

from collections.abc import Collection

from cencomm_crypto.public.encoding import Value, encode
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.channel import Channel, Epoch, Ledger
from cencomm_crypto.public.operation.state import (
    AuditSet,
    Hold,
    Member,
    OperationState,
    Proposal,
    Release,
    Request,
)
from cencomm_crypto.public.primitives import sha256


def state_hash(state: OperationState, channels: Collection[ChannelId] | None = None) -> bytes:
    """H over the projection; 32 bytes. `channels`: compare only what their readers see."""
    return sha256(encode(projection(state, channels)))


def projection(
    state: OperationState, channels: Collection[ChannelId] | None = None
) -> dict[str, Value]:
    """The state as CBOR values; of channels not in `channels` only what control entries say.

    Releases are there only in the whole projection: whether one counts is its channel's matter.
    """
    read = state.channels if channels is None else channels
    plain: dict[str, Value] = {
        "id": state.id32,
        "size": state.size,
        "at": state.at,
        "phase": str(state.phase),
        "interrupted": _optional(state.interrupted and str(state.interrupted)),
        "window": list(state.window),
        "live": list(state.live),
        "closed_at": _optional(state.closed_at),
        "rules": state.rules,
        "members": [_member(state.members[key]) for key in sorted(state.members)],
        "former": sorted(state.former),
        "admins": sorted(state.admins),
        "channels": [
            _channel(state.channels[chan], chan in read) for chan in sorted(state.channels)
        ],
        "audits": [_audit(audit) for audit in state.audits],
        "proposals": [_proposal(state.proposals[key]) for key in sorted(state.proposals)],
        "holds": [_hold(state.holds[key]) for key in sorted(state.holds)],
        "requests": [_request(state.requests[key]) for key in sorted(state.requests)],
        "accepted": sorted(state.accepted_devices),
        "restored": [[row.seq, row.start, row.end, row.serial] for row in state.restored],
        "control": _ledger(state.control),
    }
    if channels is None:
        plain["releases"] = [_release(state.releases[key]) for key in sorted(state.releases)]
        plain["releasing"] = _ledger(state.releasing)
    return plain


def _optional(value: Value) -> list[Value]:
    """CBOR of this subset has no null: none or one."""
    return [] if value is None else [value]


def _member(member: Member) -> Value:
    return [
        member.person,
        member.admin,
        str(member.role),
        member.admitted,
        member.watermark,
        _optional(member.chan),
        list(member.kinds),
        _optional(member.rate),
    ]


def _channel(channel: Channel, read: bool) -> Value:
    plain: dict[str, Value] = {
        "id": channel.id,
        "name": channel.name,
        "creator": channel.creator,
        "created": channel.created,
        "window": list(channel.window),
        "parent": _optional(channel.parent),
        "main": channel.main,
    }
    if channel.members is not None:
        plain["members"] = sorted(channel.members)
    if channel.rule is not None:
        rule = channel.rule
        plain["rule"] = [rule.everybody, sorted(rule.admins), sorted(map(str, rule.roles))]
    if read:
        plain["epochs"] = [_epoch(channel.epochs[n]) for n in sorted(channel.epochs)]
        plain["lost"] = channel.lost
        plain["flagged"] = sorted(channel.flagged)
        plain["closed_at"] = _optional(channel.closed_at)
        plain["reveals"] = [[n, channel.reveals[n]] for n in sorted(channel.reveals)]
        plain["ledger"] = _ledger(channel.ledger)
    return plain


def _epoch(epoch: Epoch) -> Value:
    grants = [[device, epoch.grants[device]] for device in sorted(epoch.grants)]
    return [epoch.n, epoch.p, epoch.seq, epoch.watermark, epoch.audit_version, epoch.commit, grants]


def _ledger(ledger: Ledger) -> Value:
    seen = [[device, ledger.seen[device]] for device in sorted(ledger.seen)]
    return [ledger.watermark, ledger.decided + 1, seen, ledger.trail]


def _audit(audit: AuditSet) -> Value:
    return [audit.version, audit.k, list(audit.persons)]


def _proposal(proposal: Proposal) -> Value:
    return [proposal.leaf, proposal.subject, proposal.person, proposal.at, proposal.spent]


def _hold(hold: Hold) -> Value:
    return [hold.leaf, hold.person, hold.at]


def _request(request: Request) -> Value:
    grants = [[n, x, request.grants[n, x]] for n, x in sorted(request.grants)]
    return [request.leaf, request.person, request.chan, grants, _optional(request.report)]


def _release(release: Release) -> Value:
    return [release.leaf, release.person, release.entry, _optional(release.receipt)]
