"""Reminders of what is overdue: recipient, then NCP, then OCU; which are due is a pure question.

A reminder is a MSG whose `mid` follows from what it is about and from the stage. So any program
can tell whether the log holds it already: restarts post nothing twice, and of two programs that
race readers count one. So could who is to be reminded: what counts says the words, to whom they
are for, at their time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from cencomm_config.catalog import LANGUAGES, sentences
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.rights import SENDING, Role

from cencomm_client.items import Message
from cencomm_client.people import administration_of
from cencomm_client.roles import Roles
from cencomm_client.work.clocks import FLASH, Stage
from cencomm_client.work.desk import Desk
from cencomm_client.work.snapshot import Overdue, Snapshot

MOST_ADDRESSED = 50
ANSWERING = SENDING - {Role.EXPERT}
"""Who answers for an administration; what an expert is asked is a thread of its own (A54)."""
_LABEL = b"cencomm desk reminder\0"
_PRIO = {Stage.RECIPIENT: "priority", Stage.NCP: "immediate", Stage.OCU: "immediate"}


@dataclass(frozen=True, slots=True)
class Reminder:
    """One to be posted: `to` are functional codes, `re` is the chain's leaf hash."""

    mid: bytes
    channel: ChannelId
    re: bytes | None
    prio: str
    to: tuple[str, ...]
    text: str


def reminder_mid(log: LogId, row: Overdue) -> bytes:
    """The `mid` of the one reminder for an overdue duty at its stage, 16 bytes.

    A duty whose time was moved by a correction is reminded of anew.
    """
    leaf = bytes(32) if row.chain is None else row.chain.leaf
    about = f"{row.duty.what}\0{row.administration}\0{int(row.stage)}\0{row.duty.due}"
    return sha256(_LABEL + log + leaf + about.encode()).digest()[:16]


def reminders_due(
    desk: Desk,
    snapshot: Snapshot,
    state: OperationState,
    directory: DirectoryState,
    device: DeviceId,
    roles: Roles,
    general: ChannelId | None = None,
) -> Iterator[Reminder]:
    """What is overdue and not reminded of at its stage, the longest first.

    `device` is the one that would post; what it has posted itself it repeats for no reason, also
    where its clock goes before the server's. `general` is the channel for what belongs to none:
    missing situation reports.
    """
    for row in snapshot.overdue:
        chan = general if row.chain is None else row.chain.root.channel
        if chan is None or chan not in state.channels or state.channels[chan].main:
            continue
        mid = reminder_mid(state.id16, row)
        re = None if row.chain is None else row.chain.leaf
        flash = row.chain is not None and row.chain.root.prio == FLASH
        prio = FLASH if flash else _PRIO[row.stage]
        said = desk.said(mid, re)
        if any(one.author.device == device for one in said):
            continue
        if any(
            one.prio == prio and _reminds(one, row, chan, state, directory, roles) for one in said
        ):
            continue
        to = addressed(row, chan, state, directory)
        yield Reminder(mid, chan, re, prio, to, _text(row))


def _reminds(
    said: Message,
    row: Overdue,
    chan: ChannelId,
    state: OperationState,
    directory: DirectoryState,
    roles: Roles,
) -> bool:
    """Whether a message is the reminder of a duty at its stage: posted after its time, with its
    words, to somebody whom that stage or a later one asked then."""
    if said.place.at <= (row.duty.due or 0) or (said.content or {}).get("text") != _text(row):
        return False
    if not _may_remind(said, row, roles):
        return False
    if not said.to:
        return addressed(row, chan, state, directory) == ()
    return any(
        stage >= row.stage
        and _asks(
            stage,
            row,
            roles.role(PersonId(some), said.place.seq),
            administration_of(directory, some),
        )
        for some in said.to
        for stage in Stage
    )


def _may_remind(message: Message, row: Overdue, roles: Roles) -> bool:
    """Who owes does not remind itself away, unless it coordinated when it did."""
    leads = roles.author(message) is Role.COORDINATOR
    return leads or message.author.administration != row.administration


def addressed(
    row: Overdue, chan: ChannelId, state: OperationState, directory: DirectoryState
) -> tuple[str, ...]:
    """Codes of whom a stage asks, of those who read the channel; where there is nobody, of the
    next stage."""
    channel = state.channels[chan]
    readers = [one for one in state.members.values() if state.in_channel(one.person, channel)]
    for stage in Stage:
        if stage < row.stage:
            continue
        found = [one for one in readers if _asked(one, stage, row, directory)]
        if stage is Stage.RECIPIENT and row.chain is not None:
            named = [one for one in found if one.person in row.chain.root.to]
            found = named or found
        if found:
            codes = sorted(directory.persons[one.person].code for one in found)
            return tuple(codes[:MOST_ADDRESSED])
    return ()


def _asked(member: Member, stage: Stage, row: Overdue, directory: DirectoryState) -> bool:
    return _asks(stage, row, member.role, administration_of(directory, member.admin))


def _asks(stage: Stage, row: Overdue, role: Role | None, administration: str | None) -> bool:
    """Whether a stage asks somebody in this role, of this administration."""
    if stage is Stage.OCU:
        return role is Role.COORDINATOR
    if administration != row.administration:
        return False
    return role is Role.NCP if stage is Stage.NCP else role in ANSWERING


def _text(row: Overdue) -> str:
    """The same words from every program: they follow from the log alone. In every language, since
    nobody knows who reads it."""
    return "\n".join(_said(row, sentences(language)) for language in LANGUAGES)


def _said(row: Overdue, words: Mapping[str, str]) -> str:
    report = row.chain is None
    return words["desk_reminder_report" if report else "desk_reminder"].format(
        what=words[f"label_desk_{row.duty.what}"],
        entry="" if row.chain is None else row.chain.root.place.seq,
        administration=row.administration or f"({words['label_desk_nobody']})",
        stage=words[f"label_desk_{row.stage.label}"],
    )
