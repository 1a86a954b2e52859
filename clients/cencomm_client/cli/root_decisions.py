"""`cencomm root`: what governance or an administration's root decides, signed as it is drafted.

Away from the server: `roots` signs further and publishes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from cencomm_crypto.public.entry import SUITE
from cencomm_crypto.public.ids import AdminId, PersonId

from cencomm_client.cli.arguments import hex_bytes, text_of
from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.frame import plain
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.roots import Key, PassphraseFile, keep, opened, roots, show
from cencomm_client.contact_point import NcpRequest
from cencomm_client.root import ceremony
from cencomm_client.root.ceremony import Decision
from cencomm_client.root.draft import Draft
from cencomm_client.root.keyfile import RootKey
from cencomm_client.root.loss_report import LossReport

P = ParamSpec("P")
DraftOut = Annotated[Path, typer.Option("--out", help="Write the draft here.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", help="Public key of each custodian, in order; several times."),
]
Threshold = Annotated[int, typer.Option("--threshold", min=1, max=16, help="So many must sign.")]


def _governance(name: str) -> Callable[[Callable[P, Decision]], Callable[P, Decision]]:
    """Make what governance decides a command that drafts it and signs it with one key.

    What is typed is judged before the passphrase is asked for.
    """

    def made(decide: Callable[P, Decision]) -> Callable[P, Decision]:
        async def act(
            output: Output,
            /,
            *,
            key: Key,
            out: DraftOut,
            with_: With = None,
            threshold: Threshold = 1,
            passphrase_file: PassphraseFile = None,
            **given: Any,
        ) -> None:
            decided = decide(**given)  # type: ignore[call-arg]  # typer's
            with opened(key, passphrase_file) as root:
                _draft(output, out, root, decided, keys=_keys(root, with_), k=threshold)

        first, *shared, _ = inspect.signature(act, eval_str=True).parameters.values()
        own = inspect.signature(decide, eval_str=True).parameters.values()
        functools.update_wrapper(act, decide)
        signature = inspect.Signature([first, *own, *shared])
        act.__signature__ = signature  # type: ignore[attr-defined]  # what `plain` reads
        plain(roots, name)(act)
        return decide

    return made


@plain(roots, "genesis")
async def draft_genesis(
    output: Output,
    key: Key,
    name: Annotated[str, typer.Option("--name", help="The deployment's name, for ever.")],
    log_key: Annotated[str, typer.Option("--log-key", help="What `cencomm-server init` printed.")],
    out: DraftOut,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Draft the directory's first entry, and sign it with this key."""
    with opened(key, passphrase_file) as root:
        made = ceremony.draft_genesis(
            root,
            name=name,
            log_key=hex_bytes(log_key, 32),
            keys=_keys(root, with_),
            k=threshold,
        )
        keep(output, out, ceremony.sign(made, root))


@_governance("admin")
def draft_administration(
    code: Annotated[str, typer.Argument(help="The administration's code, such as FR.")],
    public: Annotated[str, typer.Argument(help="Public key of its root, 64 hex digits.")],
) -> Decision:
    """Governance: draft the addition of an administration."""
    return ceremony.add_administration(code, hex_bytes(public, 32))


@_governance("suspend")
def draft_suspension(
    admin: Annotated[str, typer.Argument(help="The administration's id, 32 hex digits.")],
    lift: Annotated[bool, typer.Option("--lift", help="Lift the suspension.")] = False,
) -> Decision:
    """Governance: draft the suspension of an administration, or lift it."""
    found = AdminId(hex_bytes(admin, 16))
    return ceremony.resume_administration(found) if lift else ceremony.suspend_administration(found)


@_governance("grant")
def draft_grant(
    person: Annotated[str, typer.Argument(help="The person's id, 32 hex digits.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the role back.")] = False,
) -> Decision:
    """Governance: draft the role "may create operations" for a person, or take it back."""
    found = PersonId(hex_bytes(person, 16))
    return ceremony.withdraw_role(found) if withdraw else ceremony.grant_role(found)


@_governance("logkey")
def draft_log_key(
    log_key: Annotated[str, typer.Argument(help="The new public log key, 64 hex digits.")],
) -> Decision:
    """Governance: draft a change of the key that signs checkpoints."""
    return ceremony.set_log_key(hex_bytes(log_key, 32))


@_governance("suite")
def draft_suite(
    suite_min: Annotated[int, typer.Argument(min=1, max=65535, help="The least suite from here.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also a suite that this program does not know.")
    ] = False,
) -> Decision:
    """Governance: draft that entries of an older suite are refused from here, for ever."""
    if suite_min > SUITE and not anyway:
        raise InputInvalid(
            f"suite {suite_min}: this program knows suites up to {SUITE}. Whoever does not know"
            " it can then post nothing to the directory, and the minimum never falls again;"
            " --anyway, once every server and client knows it"
        )
    return ceremony.raise_suite(suite_min)


@plain(roots, "lost")
async def draft_losses(
    output: Output,
    key: Key,
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="What `cencomm hand-back --report` wrote.")
    ],
    out: DraftOut,
    with_: With = None,
    threshold: Threshold = 1,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Governance: draft that places which nobody holds any more count for nothing.

    One draft for each gap, all in one file.
    """

    reports = [LossReport.parse(line) for line in text_of(report).splitlines() if line.strip()]
    with opened(key, passphrase_file) as root:
        drafts: list[Draft] = []
        for one in reports:
            made = ceremony.draft_losses(root, one, keys=_keys(root, with_), k=threshold)
            for draft in made:
                show(output, draft)
            drafts += [ceremony.sign(draft, root) for draft in made]
        keep(output, out, *drafts)


@plain(roots, "appoint")
async def draft_appointment(
    output: Output,
    key: Key,
    request_file: Annotated[Path, typer.Argument(metavar="REQUEST", help="The NCP's request.")],
    out: DraftOut,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Administration root: draft the appointment of an NCP from its device's request."""
    asked = NcpRequest.parse(text_of(request_file))
    with opened(key, passphrase_file) as root:
        output.say(fill(output.text("cli_compare"), fingerprint=asked.fingerprint))
        _draft(output, out, root, ceremony.appoint_ncp(root.admin, asked))


@plain(roots, "dismiss")
async def draft_dismissal(
    output: Output,
    key: Key,
    person: Annotated[str, typer.Argument(help="The NCP's person id, 32 hex digits.")],
    out: DraftOut,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Administration root: draft the dismissal of an NCP."""
    with opened(key, passphrase_file) as root:
        _draft(output, out, root, ceremony.dismiss_ncp(root.admin, PersonId(hex_bytes(person, 16))))


def _draft(
    output: Output,
    out: Path,
    root: RootKey,
    decision: Decision,
    *,
    keys: Sequence[bytes] | None = None,
    k: int = 1,
) -> None:
    """Draft a decision, sign it with this key, and keep it for the other custodians (`keys`)."""
    keep(output, out, ceremony.sign(ceremony.draft(root, decision, keys=keys, k=k), root))


def _keys(root: RootKey, with_: list[str] | None) -> list[bytes]:
    """All custodians' public keys; this file's alone if none are named."""
    keys = [hex_bytes(text, 32) for text in with_ or []]
    return keys or [root.public]
