"""`cencomm triage`: the open hits of an operation, and what people decide about each."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import Annotated, Any

import typer
from cencomm_config.catalog import sentences
from cencomm_config.forms import base_set

from cencomm_client.cli.arguments import OperationName
from cencomm_client.cli.exits import InputInvalid, NotKnown
from cencomm_client.cli.form_prompts import Prompts
from cencomm_client.cli.frame import Here, Session, command
from cencomm_client.cli.messages import referred
from cencomm_client.cli.output import fill
from cencomm_client.code_lists import CodeLists
from cencomm_client.items import Message
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.triage import (
    ACTION,
    HIT,
    WARNING,
    WORDS_NEEDED,
    Decision,
    Ground,
    Outcome,
    Triaged,
    dismissal,
    expect_open,
    hits_in,
    merger,
    warning_from,
)
from cencomm_client.work.gate import Gate

triage = typer.Typer(no_args_is_help=True, help="Automated hits: promote, dismiss, merge.")

HitName = Annotated[
    str, typer.Argument(metavar="HIT", help="The hit's entry number, or its leaf in hex.")
]


@command(triage, "list", session=Session.IF_THERE)
async def list_(
    here: Here,
    operation: OperationName,
    every: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
) -> None:
    """Show the hits that nobody has decided about."""
    found = await here.operation(operation)
    threads = found.view.threads()  # held: the gate reads the same
    shown = [one for one in hits_in(threads.refresh(), found.items()) if every or one.open]
    if here.output.copies:
        gate = Gate(found)
        shown = [await _copied(one, gate) for one in shown]
    here.listed(
        "hits",
        shown,
        hit_document,
        ("entry", "source", "rule", "score", "what", "decided"),
        lambda one: _row(one, here.output.language),
    )


@command(triage)
async def promote(
    here: Here,
    operation: OperationName,
    hit: HitName,
    action: Annotated[str, typer.Option("--action", help="Requested action.")] = ACTION,
    prio: Annotated[str | None, typer.Option("--prio", help="Precedence.")] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Functional code; several times.")
    ] = None,
) -> None:
    """Make a warning of a hit, filled in from it."""
    found = await here.operation(operation)
    one = _hit(found, hit)
    if expect_open(one, Decision.PROMOTE):
        channel = found.channel(one.hit.channel.hex())
        content = warning_from(one, action)
        posted = await channel.post(WARNING, content, re=one.hit, prio=prio, to=to or ())
        here.posted(posted)
        await found.tend()  # the bot hears of it
        await _first(here, found, one, posted, Decision.PROMOTE, None)
    else:
        await _stands(here, found, one)


@command(triage)
async def dismiss(
    here: Here,
    operation: OperationName,
    hit: HitName,
    code: Annotated[
        str | None, typer.Option("--code", help="Why, in a word of the form; else asked for.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why, in words; without --code it is other.")
    ] = None,
) -> None:
    """Say that nothing follows from a hit, and why."""
    content = dismissal(*await asyncio.to_thread(why, here, code, reason))
    await _decide(here, operation, hit, Decision.DISMISS, content, None)


@command(triage)
async def merge(
    here: Here,
    operation: OperationName,
    hit: HitName,
    into: Annotated[str, typer.Argument(metavar="INTO", help="A warning or another hit.")],
) -> None:
    """Say that a hit is part of a warning, or the same as another hit."""
    found = await here.operation(operation)
    leaf = _target(found, _hit(found, hit), into)
    await _decide(here, operation, hit, Decision.MERGE, merger(leaf), leaf)


def why(here: Here, code: str | None, reason: str | None) -> tuple[str, Ground]:
    """Reason and ground of a dismissal, as given or asked for; raises InputInvalid.

    Who gives words alone has no better code for them.
    """
    words = (reason or "").strip()
    if code is None and words:
        return words, Ground.OTHER
    if code is not None:
        if code not in set(Ground):
            raise InputInvalid(f"--code: {code!r} read, one of {', '.join(Ground)} expected")
        return words, Ground(code)
    if here.output.as_json or not sys.stdin.isatty():
        raise InputInvalid(f"--code: one of {', '.join(Ground)} expected, or --reason in words")
    asked = Prompts(base_set().form(HIT), here.output, input, CodeLists(here.client.data))
    try:
        ground = Ground(asked.one("triage.reason_code"))
        return asked.one("triage.reason", needed=ground in WORDS_NEEDED) or "", ground
    except EOFError:
        raise InputInvalid("the form was not filled to its end") from None


def hit_document(one: Triaged) -> dict[str, Any]:
    """A hit and what stands about it, for programs."""
    stands = one.outcome
    return {
        "seq": one.hit.place.seq,
        "leaf": one.hit.place.leaf,
        "at": one.hit.place.at,
        "author": one.hit.author.code,
        "channel": one.hit.channel_name,
        "content": None if one.present.content is None else dict(one.present.content),
        "withdrawn": one.present.withdrawn is not None,
        "outcome": None
        if stands is None
        else {
            "decision": str(stands.decision),
            "by": stands.entry.author.code,
            "seq": stands.entry.place.seq,
            "reason": stands.reason,
            "reason_code": None if stands.ground is None else str(stands.ground),
            "into": stands.into,
        },
        "later": [message.place.seq for message in one.later],
        "told": None
        if one.told is None
        else {
            "seq": one.told.place.seq,
            "by": one.told.author.code,
            "unfounded": one.unfounded,
        },
    }


async def _decide(
    here: Here,
    operation: str,
    hit: str,
    decision: Decision,
    content: dict[str, Any],
    into: bytes | None,
) -> None:
    found = await here.operation(operation)
    one = _hit(found, hit)
    if expect_open(one, decision, into):
        channel = found.channel(one.hit.channel.hex())
        posted = await channel.post(HIT, content, re=one.hit)
        here.posted(posted)
        await found.tend()  # the bot hears of it
        await _first(here, found, one, posted, decision, into)
    else:
        await _stands(here, found, one)


async def _first(
    here: Here,
    operation: Operation,
    hit: Triaged,
    posted: Posted,
    decision: Decision,
    into: bytes | None,
) -> None:
    """Say so where somebody else's decision came before; raises Decided where it was another."""
    await operation.refresh()
    one = _hit(operation, str(hit.hit.place.seq))
    first = one.outcome is None or one.outcome.entry.place.leaf == posted.leaf
    if not first and not expect_open(one, decision, into):
        await _stands(here, operation, one)


def _hit(operation: Operation, name: str) -> Triaged:
    leaf = referred(operation, name)
    for one in _hits(operation):
        if one.hit.place.leaf == leaf:
            return one
    raise NotKnown(f"entry {name} is no hit that can be read here")


def _hits(operation: Operation) -> tuple[Triaged, ...]:
    return hits_in(operation.view.threads().refresh(), operation.items())


def _target(operation: Operation, hit: Triaged, name: str) -> bytes:
    """The leaf of what a hit is merged into; raises InputInvalid where nobody would look at the hit
    any more: it is no warning and no hit, is withdrawn, or was merged into this very hit."""
    desk = operation.attend().refresh()
    hits = {one.hit.place.leaf: one for one in _hits(operation)}
    target = desk.message(referred(operation, name))
    leaf = b"" if target is None or target.content is None else target.place.leaf
    if target is None or not (leaf in hits or (leaf and target.kind == WARNING)):
        raise InputInvalid(f"entry {name}: a warning or another hit expected that is read here")
    if desk.present(target).withdrawn is not None:
        raise InputInvalid(f"entry {name} is withdrawn")
    seen, next_ = set[bytes](), leaf
    while next_ in hits and next_ not in seen:
        if next_ == hit.hit.place.leaf:
            raise InputInvalid(
                "a hit cannot be merged into itself"
                if next_ == leaf
                else f"entry {name} was itself merged into entry {hit.hit.place.seq}"
            )
        seen.add(next_)
        outcome = hits[next_].outcome
        further = None if outcome is None else desk.message(outcome.into or b"")
        next_ = b"" if further is None else further.place.leaf
    return leaf


async def _stands(here: Here, operation: Operation, one: Triaged) -> None:
    """The same was decided before: say so, write nothing."""
    here.say("cli_hit_stands", seq=one.hit.place.seq)
    if here.output.as_json:
        here.output.document(hit_document(await _copied(one, Gate(operation))))


async def _copied(one: Triaged, gate: Gate) -> Triaged:
    """A hit and its decision as another program may have them (`Gate.copied`)."""
    hit, outcome = await gate.copied(one.hit, one.present.content), one.outcome
    assert isinstance(hit, Message)  # noqa: S101 - it gives the item's own type
    if outcome is not None and gate.hidden(outcome.entry):
        outcome = replace(outcome, reason="", ground=None)
    said = None if one.present.content is None else hit.content
    return replace(one, outcome=outcome, present=one.present._replace(content=said))


def _row(one: Triaged, language: str) -> tuple[str, ...]:
    content = one.present.content or {}
    identifiers = content.get("identifiers") or {}
    return (
        str(one.hit.place.seq),
        str(content.get("source", "")),
        str(content.get("rule", "")),
        str(content.get("score", "")),
        ", ".join(f"{name} {value}" for name, value in identifiers.items()),
        "; ".join(filter(None, (_stand(one, language), _told(one, language)))),
    )


def _stand(one: Triaged, language: str) -> str:
    """What was decided, or that the hit was taken back."""
    if one.outcome is not None:
        return _decided(one.outcome, language)
    return "" if one.open else sentences(language)["label_withdrawn"]


def _told(one: Triaged, language: str) -> str:
    """Who told the bot something that nobody had decided."""
    if one.told is None or not one.unfounded:
        return ""
    said = sentences(language)["label_triage_unfounded"]
    return fill(said, code=one.told.author.code, seq=one.told.place.seq)


def _decided(stands: Outcome, language: str) -> str:
    """A decision in the form's words, and a dismissal's ground."""
    said = {"decision": str(stands.decision), "reason_code": str(stands.ground or "")}
    fields = base_set().form(HIT).root.fields["triage"].fields
    words = (fields[name].choices(language).get(value) for name, value in said.items())
    return ", ".join(word for word in words if word)
