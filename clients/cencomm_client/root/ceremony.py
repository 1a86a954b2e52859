"""What roots decide, step by step: draft, sign (from custodian to custodian), complete, publish.

A step takes an open key file and a draft and gives a draft; nothing but `publish` meets a
network. The serial of a root rises by one with each body, so that nothing is replayed (RULES
Directory).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as changed

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, Head, Header, author, leaf_hash, log_id32
from cencomm_crypto.public.ids import AdminId, LogId, PersonId
from cencomm_crypto.public.keys import device_id
from cencomm_crypto.public.note import Checkpoint, open_checkpoint, origin
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.tree import verify_inclusion
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_client.authoring import entry_id
from cencomm_client.contact_point import NcpRequest
from cencomm_client.errors import ClientCode, LogAlarm, RootRefused, WrongDirectory
from cencomm_client.root.draft import Draft
from cencomm_client.root.keyfile import NO_DIRECTORY, RootKey, RootKind
from cencomm_client.root.loss_report import Gap, LossReport
from cencomm_client.sealed_file import Random
from cencomm_client.transport import Transport

NOTHING_SEEN = Head(0, EMPTY_ROOT)
NO_WITNESSES: Mapping[str, Value] = {"keys": [], "k": 0, "fresh": 0, "mode": "warn"}


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that a root can decide: entry type and fields of its body."""

    type: str
    fields: Mapping[str, Value]


# -- what can be decided ----------------------------------------------------------------------


def add_administration(code: str, root_pk: bytes) -> Decision:
    """Governance: a new administration under its root's public key."""
    return Decision("admin.add", {"code": code, "root": root_pk})


def suspend_administration(admin: AdminId) -> Decision:
    """Governance: nobody of it acts or reads on, from here."""
    return Decision("admin.suspend", {"admin": admin})


def resume_administration(admin: AdminId) -> Decision:
    """Governance: lift the suspension."""
    return Decision("admin.resume", {"admin": admin})


def rekey_administration(admin: AdminId, root_pk: bytes) -> Decision:
    """Governance: a new root key; the administration keeps its id."""
    return Decision("admin.rekey", {"admin": admin, "root": root_pk})


def rekey_governance(keys: Sequence[bytes], k: int) -> Decision:
    """Governance: new custodians, by k of the old ones."""
    return Decision("governance.rekey", {"keys": list(keys), "k": k})


def set_log_key(log_key: bytes) -> Decision:
    """Governance: the server signs checkpoints with another key from here."""
    return Decision("logkey.set", {"log_key": log_key})


def set_witnesses(policy: Mapping[str, Value]) -> Decision:
    """Governance: {keys, k, fresh, mode}."""
    return Decision("witness.set", {"witness": dict(policy)})


def raise_suite(suite_min: int) -> Decision:
    """Governance: entries of an older suite are refused from here (A28)."""
    return Decision("suite.raise", {"suite_min": suite_min})


def grant_role(person: PersonId) -> Decision:
    """Governance: the person may create operations."""
    return Decision("role.grant", {"person": person, "role": "operations"})


def withdraw_role(person: PersonId) -> Decision:
    """Governance: it may no longer."""
    return Decision("role.withdraw", {"person": person, "role": "operations"})


def name_lost(log: LogId, gap: Gap) -> Decision:
    """Governance: nobody holds these places any more; they count for nothing, from the beginning.

    Of an operation or of the directory; `gap` is a piece that one entry can name (A50).
    """
    fields = {"log": log, "from": gap.start, "to": gap.end, "leaves": list(gap.forms)}
    return Decision("log.restored", fields)


def appoint_ncp(admin: AdminId, request: NcpRequest) -> Decision:
    """Administration root: the person and first device of an NCP, from its request."""
    return Decision(
        "ncp.appoint",
        {
            "admin": admin,
            "person": request.person,
            "code": request.code,
            "sign_pk": request.sign_pk,
            "box_pk": request.box_pk,
            "proof": request.proof,
        },
    )


def dismiss_ncp(admin: AdminId, person: PersonId) -> Decision:
    """Administration root: the person is NCP no longer."""
    return Decision("ncp.dismiss", {"admin": admin, "person": person})


# -- draft and sign ---------------------------------------------------------------------------


def draft_genesis(
    poster: RootKey,
    *,
    name: str,
    log_key: bytes,
    keys: Sequence[bytes],
    k: int,
    witness: Mapping[str, Value] = NO_WITNESSES,
) -> Draft:
    """The directory's first entry: name, log key, governance root. `poster` will publish it."""
    body: dict[str, Value] = {
        "type": "directory.genesis",
        "name": name,
        "log_key": log_key,
        "governance": {"keys": list(keys), "k": k},
        "witness": dict(witness),
        "suite_min": 1,
        "rules": 1,
        "poster": poster.poster.public,
        "serial": 0,
    }
    draft = Draft("directory.genesis", NO_DIRECTORY, body, tuple(keys), k)
    draft.check()
    return draft


def draft(
    poster: RootKey,
    decision: Decision,
    *,
    keys: Sequence[bytes] | None = None,
    k: int = 1,
    serial: int | None = None,
    note: bytes = b"",
) -> Draft:
    """A body for this root to sign; `poster` will publish it.

    `keys` and `k` are the governance root's; an administration's root signs alone. `serial` is
    the last of this root plus one, by the file if not said; `note` as in `Draft`. Raises
    RootRefused, DraftDamaged.
    """
    if poster.directory_id == NO_DIRECTORY:
        raise RootRefused("this key file belongs to no directory yet: `cencomm root adopt`")
    number = max(poster.serial, 0) + 1 if serial is None else serial
    body = {
        "type": decision.type,
        **decision.fields,
        "poster": poster.poster.public,
        "serial": number,
    }
    made = Draft(
        decision.type,
        poster.directory_id,
        body,
        (poster.public,) if keys is None else tuple(keys),
        k,
        note=note,
    )
    if made.root is not poster.about.kind:
        raise RootRefused(f"{decision.type} is the {made.root} root's to decide")
    made.check()
    return made


def draft_losses(
    poster: RootKey, report: LossReport, *, keys: Sequence[bytes] | None = None, k: int = 1
) -> list[Draft]:
    """A draft for each gap that a member reported, in the order in which they are published.

    Raises RootRefused, also for a report about another directory than the key file's.
    """
    if report.directory != poster.directory_id:
        raise RootRefused("this report is about another directory than the key file's")
    pieces = [piece for gap in report.gaps for piece in gap.pieces()]
    return [
        draft(poster, name_lost(report.log, piece), keys=keys, k=k, serial=serial, note=report.note)
        for serial, piece in enumerate(pieces, max(poster.serial, 0) + 1)
    ]


def sign(draft: Draft, root: RootKey, *, replace: bool = False) -> Draft:
    """Add this file's signature, and remember in the file what was signed under which serial.

    Raises RootRefused for another root or directory, and for a serial under which this file
    signed something else; `replace` says that a person gave the earlier body up.
    """
    draft.check()
    if draft.root is not root.about.kind or root.public not in draft.keys:
        raise RootRefused("this draft is another root's to sign")
    if draft.directory != root.directory_id:
        raise RootRefused("this draft is for another directory than the key file's")
    if draft.root is RootKind.ADMINISTRATION and draft.body["admin"] != root.admin:
        raise RootRefused("this draft is about another administration")
    message = draft.message
    held = root.signed.get(draft.serial)
    if held not in (None, message[32:]) and not replace:
        raise RootRefused(f"this file signed another body under serial {draft.serial}")
    if draft.serial < root.serial and held is None and not replace:
        raise RootRefused(f"serial {draft.serial} lies before {root.serial}, signed by this file")
    root.signed[draft.serial] = message[32:]
    root.save()
    signature = root.signing.sign(draft.signature_type, message)
    return draft.with_signature(draft.keys.index(root.public), signature)


# -- complete and publish ---------------------------------------------------------------------


def complete(
    draft: Draft,
    poster: RootKey,
    seen: Head,
    now_ms: int,
    *,
    directory: Head | None = None,
    random: Random = secrets.token_bytes,
) -> Entry:
    """The signed entry, once enough signatures are there; raises RootRefused.

    `seen` is the head of the log that it goes into, `directory` that of the directory where this
    is another one. A genesis has seen nothing; its hash is the directory's id: adopt it in every
    root's file (`directory_id_of`).
    """
    draft.check()
    if draft.missing:
        raise RootRefused(f"{draft.missing} more signatures are needed")
    if draft.body["poster"] != poster.poster.public:
        raise RootRefused("the file that drafted this is the one that publishes it")
    if draft.serial not in poster.signed:  # so that its next draft counts on, though others signed
        poster.signed[draft.serial] = draft.message[32:]
        poster.save()
    genesis = draft.directory == NO_DIRECTORY
    header = Header(
        type=draft.type,
        device=device_id(poster.poster.public),
        id=entry_id(now_ms, random),
        time=now_ms,
        seen=NOTHING_SEEN if genesis else seen,
        log=None if genesis else draft.log,
        dir=None if draft.log == draft.directory[:16] else directory,
    )
    return author(header, draft.complete_body(), poster.poster)


def directory_id_of(genesis: Entry) -> bytes:
    """All 32 bytes of the directory that this genesis founds: what every pin names."""
    return log_id32(genesis)


async def directory_head(transport: Transport, directory_id: bytes) -> Head:
    """The directory's head as the server says; raises WrongDirectory, LogAlarm.

    The note must be signed by the key that the server names: a wrong head only makes the entry
    void, or shows the fork to everybody who reads it.
    """
    info = await transport.info()
    if info.directory != directory_id:
        raise WrongDirectory("the server serves another directory than the key file's")
    size, root, note = await transport.directory_head()
    try:
        checkpoint = open_checkpoint(note, origin(info.name, directory_id[:16]), info.log_key)
    except ProtocolError as error:
        raise _forged(directory_id[:16], note) from error
    if (checkpoint.size, checkpoint.root) != (size, root):
        raise _forged(directory_id[:16], note)
    return Head(size, root)


async def post(
    transport: Transport, draft: Draft, poster: RootKey, now_ms: int, *, setup: str = ""
) -> tuple[Entry, Receipt]:
    """Complete a draft over the newest heads, and publish it; raises as both, and LogAlarm for a
    draft whose note the log's key did not sign."""
    info, genesis = await transport.info(), draft.directory == NO_DIRECTORY
    directory = NOTHING_SEEN if genesis else await directory_head(transport, draft.directory)
    seen = directory
    if draft.note:
        try:
            found = open_checkpoint(draft.note, origin(info.name, draft.log), info.log_key)
        except ProtocolError as error:
            raise _forged(draft.log, draft.note) from error
        seen = Head(found.size, found.root)
    entry = complete(draft, poster, seen, now_ms, directory=directory)
    receipt = await publish(transport, entry, name=info.name, log_key=info.log_key, setup=setup)
    return entry, receipt


def over(drafts: Sequence[Draft], published: Draft, receipt: Receipt) -> list[Draft]:
    """These, to be published next: those about the same lost log have seen this one there."""
    return [
        changed(draft, note=receipt.note) if draft.note and draft.log == published.log else draft
        for draft in drafts
    ]


async def publish(
    transport: Transport, entry: Entry, *, name: str, log_key: bytes, setup: str = ""
) -> Receipt:
    """Post an entry that root signatures carry, and verify its receipt.

    `name` and `log_key` are the directory's; `setup` the server's set-up token, for a genesis.
    Raises Refused, TransportError, LogAlarm.
    """
    directory = log_id32(entry)[:16] if entry.header.log is None else entry.header.log
    receipt = await transport.post_root_entry(Submission.of(entry), setup=setup)
    try:
        checkpoint = _receipt_head(receipt, origin(name, directory), log_key, entry)
        leaf = leaf_hash(receipt.seq, receipt.at, entry.scope, entry.inner)
        verify_inclusion(leaf, receipt.seq, checkpoint.size, receipt.proof, checkpoint.root)
    except ProtocolError as error:
        raise LogAlarm(
            ClientCode.RECEIPT_FORGED,
            "the receipt does not prove that the entry is in the log",
            row="A6",
            log=directory,
            seq=receipt.seq,
            evidence=(receipt.encode(),),
        ) from error
    return receipt


def _receipt_head(receipt: Receipt, place: str, log_key: bytes, entry: Entry) -> Checkpoint:
    """The head of a receipt; that of a change of the log key is the first by the new key."""
    if entry.header.type == "logkey.set" and entry.body is not None:
        with suppress(ProtocolError):
            return open_checkpoint(receipt.note, place, entry.body["log_key"])
    return open_checkpoint(receipt.note, place, log_key)


def _forged(log: bytes, note: bytes) -> LogAlarm:
    return LogAlarm(
        ClientCode.CHECKPOINT_FORGED,
        "the log's head is not signed by the key that the server names",
        row="A36",
        log=log,
        evidence=(note,),
    )
