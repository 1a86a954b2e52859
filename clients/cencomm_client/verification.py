"""Verifying an operation from the bytes in the replica alone: tree, notes, signatures, rules.

Reads no secret that it does not need: an auditor who can open nothing gets the same verdict on
order, authors and rights as a member (DESIGN 2). What a member can judge beyond (rotates, forms,
own receipts) is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.member.closing import revealed
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.lost import NO_LOSSES, Losses, ReadAnew
from cencomm_crypto.public.note import Checkpoint, open_checkpoint, origin
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.replay import (
    AnyLog,
    DirectoryLog,
    OperationLog,
    expect_no_restoration,
)
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.automation.standing import Verdict
from cencomm_client.errors import ClientCode
from cencomm_client.items import Message
from cencomm_client.progress import Progress, Stage, counted, silent
from cencomm_client.station import Station
from cencomm_client.vault_contents import StoredReceipt
from cencomm_client.view import OperationView


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed head that this device keeps: the size it is of, and the note."""

    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a code, where, and a sentence for the developer."""

    code: str
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class ChannelReach:
    """A channel after its end: which epochs the reveals in the log give, and which not."""

    name: str
    epochs: int
    reached: int
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict. `ok` says that the log is whole, signed, in order and by the rules.

    `signatures` counts entries whose author's signature and rights were checked, `withheld`
    those of which this device holds 56 bytes: they are in the tree, and nothing more is known.
    """

    log: LogId
    name: str
    ok: bool
    size: int
    root: bytes
    directory_size: int
    directory_root: bytes
    signatures: int
    withheld: int
    erased: int
    lost: int  # places that the governance root called lost for good
    heads: int  # signed heads that the rebuilt tree holds against
    receipts: int
    readable: int
    unreadable: int
    types: dict[str, int]
    channels: tuple[ChannelReach, ...]
    trail: bytes  # which control entries counted, in order: equal for all who verify
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What is judged: the bytes that this device holds, and what it remembers of signed heads."""

    log_id32: bytes
    directory_id32: bytes
    directory: tuple[Sequenced, ...]
    items: tuple[Sequenced, ...]
    heads: tuple[SignedHead, ...]  # of the operation
    directory_heads: tuple[SignedHead, ...]
    receipts: tuple[StoredReceipt, ...]
    own: tuple[Finding, ...]  # what this device alone could judge: bad rotates, kept alarms
    readable: int = 0
    unreadable: int = 0


def gather(station: Station, view: OperationView) -> Material:
    """Take all there is from the replica and the vault; judged elsewhere, on any thread."""
    vault, mirror = station.vault, station.mirror
    messages = [item for item in view.feed.items() if isinstance(item, Message)]
    readable = sum(message.damage is None for message in messages)
    return Material(
        log_id32=mirror.operation(view.log).id32,
        directory_id32=vault.directory_id,
        directory=tuple(mirror.items(vault.directory_log)),
        items=tuple(mirror.items(view.log)),
        heads=_heads(station, view.log),
        directory_heads=_heads(station, vault.directory_log),
        receipts=vault.receipts(view.log),
        own=(*_bad_epochs(view), *_alarms(station, view.log)),
        readable=readable,
        unreadable=len(messages) - readable,
    )


def verify(material: Material, progress: Progress = silent) -> Verification:
    """Rebuild both logs from their bytes and judge everything; pure, but that it tells how far
    it is."""
    findings: list[Finding] = list(material.own)
    directory = _directory(material, findings, progress)
    log, rejected = _replayed(
        lambda losses: OperationLog(directory, material.log_id32, losses),
        material.items,
        progress,
    )
    findings += rejected.values()
    void = log.losses.void()
    types: Counter[str] = Counter()
    withheld = erased = lost = 0
    for item in material.items[: log.size]:
        if item.lost or item.seq in void:
            lost += 1
        elif item.entry is None:
            withheld += 1
        elif item.seq not in rejected:
            types[item.entry.header.type] += 1
            erased += item.entry.body_bytes is None
    heads = _hold(material.heads, log, directory, findings)
    for receipt in material.receipts:
        if receipt.seq >= log.size or log.tree.leaf(receipt.seq) != receipt.leaf:
            findings.append(
                Finding("receipt_forged", receipt.seq, "an acknowledged own entry is not there")
            )
    state = log.state if log.size else None
    return Verification(
        log=log.id16,
        name="" if state is None else str(state.genesis["name"]),
        ok=not findings,
        size=log.size,
        root=log.tree.root(),
        directory_size=directory.size,
        directory_root=directory.tree.root(),
        signatures=types.total(),
        withheld=withheld,
        erased=erased,
        lost=lost,
        heads=heads,
        receipts=len(material.receipts),
        readable=material.readable,
        unreadable=material.unreadable,
        types=dict(sorted(types.items())),
        channels=() if state is None else _reach(state),
        trail=b"" if state is None else state.control.trail,
        findings=tuple(dict.fromkeys(findings)),
    )


def _replayed(
    new: Callable[[Losses], AnyLog], items: tuple[Sequenced, ...], progress: Progress
) -> tuple[AnyLog, dict[int, Finding]]:
    """The log as far as it can be read, and what is wrong with it, by place."""
    losses = NO_LOSSES
    while True:
        log, findings = new(losses), dict[int, Finding]()
        try:
            for item in counted(items, Stage.VERIFYING, len(items), progress):
                outcome = log.apply(item)
                if isinstance(outcome, Rejected):
                    findings[item.seq] = Finding(outcome.code, item.seq, outcome.detail)
                    expect_no_restoration(item, outcome)
        except ReadAnew as anew:
            losses = anew.losses
            continue
        except CencommError as error:
            findings[log.size] = Finding(str(error.code), log.size, error.detail)
        for seq in log.unnamed:
            findings[seq] = Finding("entries_lost", seq, "lost, and no log.restored names it")
        return log, findings


def _directory(material: Material, findings: list[Finding], progress: Progress) -> DirectoryLog:
    directory, wrong = _replayed(
        lambda losses: DirectoryLog(material.directory_id32, losses),
        material.directory,
        progress,
    )
    findings += [replace(row, detail=f"directory: {row.detail}") for row in wrong.values()]
    _hold(material.directory_heads, directory, directory, findings)
    return directory


def _hold(
    heads: tuple[SignedHead, ...],
    log: DirectoryLog | OperationLog,
    directory: DirectoryLog,
    findings: list[Finding],
) -> int:
    """Hold signed heads against the rebuilt tree (TREE-2, A36); how many held."""
    held = 0
    for head in heads:
        try:
            checkpoint = _opened(head.note, origin(directory.state.name, log.id16), directory)
        except ProtocolError as error:
            findings.append(Finding(error.code, None, error.detail))
            continue
        if checkpoint.size == head.size and log.root(head.size) == checkpoint.root:
            held += 1
            continue
        findings.append(
            Finding("checkpoint_mismatch", None, f"the tree of size {head.size} has another root")
        )
    return held


def _opened(note: bytes, name: str, directory: DirectoryLog) -> Checkpoint:
    """The note under one of the log keys that the directory ever named."""
    keys = {directory.at(size).log_key for size in range(directory.size, 0, -1)}
    keys.update(directory.void_log_keys)
    failure = ProtocolError(ErrorCode.BAD_NOTE, "the directory names no log key")
    for key in keys:
        try:
            return open_checkpoint(note, name, key)
        except ProtocolError as error:
            failure = error
    raise failure


def _heads(station: Station, log: LogId) -> tuple[SignedHead, ...]:
    newest = station.vault.head(log)
    own = () if newest is None else (SignedHead(newest.size, newest.note),)
    return (*own, *(SignedHead(head.size, head.note) for head in station.vault.promises(log)))


def _bad_epochs(view: OperationView) -> list[Finding]:
    """Rotates that this device recomputed and found wrong (A18, A22)."""
    return [
        Finding("rotation_mismatch", channel.epochs[n].seq, f"{judged.reason} is wrong")
        for channel in view.channels()
        for n in sorted(channel.epochs)
        if (judged := view.keyring.judged(channel.id, n)).verdict is Verdict.BAD
    ]


def _alarms(station: Station, log: LogId) -> list[Finding]:
    """Alarms that were kept as evidence when they happened."""
    return [
        Finding(kept.code, kept.seq, kept.detail)
        for kept in station.mirror.alarms(log)
        if kept.code not in (ClientCode.LOG_RESTORED, ClientCode.LOG_BEHIND)  # lost, or back again
    ]


def _reach(state: OperationState) -> tuple[ChannelReach, ...]:
    """For channels that are over: whether the reveals give every epoch (CLO-3)."""
    found: list[ChannelReach] = []
    for channel in sorted(state.channels.values(), key=lambda channel: channel.created):
        if channel.epochs and state.channel_over(channel, state.at):
            reached = revealed(state, channel.id)
            epochs, keys = len(channel.epochs), len(reached.keys)
            found.append(ChannelReach(channel.name, epochs, keys, reached.missing))
    return tuple(found)
