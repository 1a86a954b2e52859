"""`cencomm post`, `follow` and `verify`: what is said, and whether it is all there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer
from cencomm_config.display import shown, shown_time
from cencomm_config.forms import Form, FormSet
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import ChannelId
from rich.text import Text

from cencomm_client.cli.arguments import OperationName, hex_bytes
from cencomm_client.cli.documents import item_document, verification_document
from cencomm_client.cli.exits import Exit, InputInvalid, NotKnown
from cencomm_client.cli.filled import filled_content, list_notes
from cencomm_client.cli.form_lines import form_line
from cencomm_client.cli.form_prompts import Prompts
from cencomm_client.cli.frame import Here, Session, framed
from cencomm_client.cli.output import Output, dumps
from cencomm_client.cli.prompts import STDIN
from cencomm_client.cli.steady import Steady
from cencomm_client.code_lists import CodeLists
from cencomm_client.directed import split_circle
from cencomm_client.handling import label
from cencomm_client.items import Alarm, Control, Item, Message, Notice
from cencomm_client.operation import Operation
from cencomm_client.work.gate import Gate


@framed()
async def post(
    here: Here,
    operation: OperationName,
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
    kind: Annotated[
        str | None, typer.Argument(help="MSG (if nothing is said), WRN, ACK, FBK, SZR ...")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--form", metavar="CODE", help="The same as KIND.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            "--from",
            metavar="FILE",
            help="The filled form: JSON, or the text of a MSG; - is standard input; else asked.",
        ),
    ] = None,
    re: Annotated[
        str | None, typer.Option("--re", help="What it answers: entry number or leaf hash.")
    ] = None,
    prio: Annotated[
        str | None, typer.Option("--prio", help="routine, priority, immediate or flash.")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Functional code; several times.")
    ] = None,
    to_only: Annotated[
        str | None,
        typer.Option(
            "--to-only",
            metavar="CODE,...",
            help="People and administrations: into the directed channel that only they read.",
        ),
    ] = None,
) -> None:
    """Seal and post a message; its form is asked for field by field, or read from a file."""
    code = chosen_kind(kind, form)
    found = await here.operation(operation)
    place = found.channel(channel)
    if to_only is not None:
        codes = [name.strip() for name in to_only.split(",") if name.strip()]
        people, administrations = split_circle(here.client.directory.state, codes)
        place = await found.directed(channel, people, administrations)
    lists = CodeLists(here.client.data)
    filling = found.view.form_set.form(code)
    given = await asyncio.to_thread(content_of, filling, file, here.output, lists)
    answered = None if re is None else referred(found, re)
    if here.client.is_bot:
        here.posted(await place.drop(code, given))
    else:
        here.posted(await place.post(code, given, re=answered, prio=prio, to=to or ()))
    with suppress(
        CencommError
    ):  # hold it here too: nobody else may, should the server lose it (A50)
        await found.refresh()


@framed(session=Session.IF_THERE)
async def follow(
    here: Here,
    operation: OperationName,
    after: Annotated[int, typer.Option("--after", min=0, help="Start at this entry number.")] = 0,
    channel: Annotated[str | None, typer.Option("--channel", help="This channel only.")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End after what is there; else stay live.")
    ] = False,
) -> None:
    """Show an operation as it happens; with --json one line per item. Keeps it going meanwhile."""
    found = await here.operation(operation)
    wanted = None if channel is None else within(found, found.channel(channel).id)
    copies = here.output.copies  # into another program or a file: handling codes act
    gate = Gate(found)
    if once:
        for item in found.items(after):
            passed = await gate.copied(item) if copies else item
            show_item(here.output, passed, wanted, found.view.form_set)
        return
    await here.client.go_live()
    async for item in found.follow(after):
        passed = await gate.copied(item) if copies else item
        show_item(here.output, passed, wanted, found.view.form_set)


@framed(session=Session.IF_THERE)
async def verify(
    here: Here,
    operation: OperationName,
    offline: Annotated[
        bool, typer.Option("--offline", help="Judge what this device holds, ask nobody.")
    ] = False,
) -> None:
    """Rebuild the whole log and judge everything; exit code 7 if anything is wrong."""
    found = await here.client.operation(operation)
    verdict = await found.verify(online=here.client.logged_in and not offline)
    here.say("cli_verified" if verdict.ok else "cli_not_verified")
    names = ("size", "signatures", "withheld", "lost", "heads", "receipts", "readable")
    counts = [(name, str(getattr(verdict, name))) for name in names]
    counts.append(("root", verdict.root.hex()))
    here.show(
        verification_document(verdict),
        (
            ("what", "count"),
            [(here.output.text(f"label_verified_{name}"), value) for name, value in counts],
        ),
        (
            ("wrong", "entry", "detail"),
            [(row.code, str(row.seq or ""), row.detail) for row in verdict.findings],
        ),
    )
    if not verdict.ok:
        raise typer.Exit(Exit.ALARM)


_INDENT, _NARROWEST = " " * 8, 20

Wanted = Callable[[bytes], bool] | None
"""Whether items of a channel are to be shown; None for all."""


def within(operation: Operation, chan: bytes) -> Wanted:
    """A channel and, as part of it, its directed ones, also those that are made later."""

    def wanted(found: bytes) -> bool:
        channel = operation.state.channels.get(ChannelId(found))
        return found == chan or (channel is not None and channel.parent == chan)

    return wanted


def show_item(output: Output, item: Item, wanted: Wanted, forms: FormSet) -> None:
    """One item, as a line for people or a JSON line."""
    chan = item.channel if isinstance(item, Message | Control) else None
    told = isinstance(item, Notice | Alarm)
    if wanted is not None and not told and (chan is None or not wanted(chan)):
        return
    if output.as_json:
        output.line(item_document(item, output.language))
        return
    for line in _wrapped(item_line(item, output, forms), output):
        output.console.print(Steady(line))


def _wrapped(line: Text, output: Output) -> list[Text]:
    """A line as a terminal shows it: what goes on is indented, so that no text, however it is
    filled, begins where an entry begins (A51). A pipe gets it whole."""
    console = output.console
    if not console.is_terminal:
        return [line]
    width = max(console.width - len(_INDENT), _NARROWEST)
    first, *more = line.wrap(console, width) or [line]
    return [first, *(Text(_INDENT).append_text(part) for part in more)]


def item_line(item: Item, output: Output, forms: FormSet) -> Text:
    """An item as one line: time, number, who, what; every foreign part through `shown`."""
    if isinstance(item, Message):
        line_ = _head(item.place.at, item.place.seq)
        line_.append(f"{shown(item.channel_name)} ", style="cyan")
        line_.append(f"{_author(item)} ", style="bold")
        line_.append(f"{shown(item.kind or '?')} ", style="magenta")
        if item.prio is not None:
            line_.append(f"{shown(item.prio)} ", style="bold red")
        if item.damage is not None:
            told = " ".join(wrong.shown(output.language) for wrong in item.damage.errors)[:2000]
            told = told or shown(item.damage.detail, max_len=2000)
            line_.append(f"{shown(item.damage.code)}: {told}", style="red")
        else:
            marks = label(item.content or {})
            if marks:
                line_.append(f"[{shown(marks, max_len=60)}] ", style="bold yellow")
            line_.append(content_line(item, output, forms))
        for flag in sorted(item.flags):
            line_.append(f" {flag}", style="yellow")
        return line_
    if isinstance(item, Control):
        line_ = _head(item.place.at, item.place.seq)
        line_.append(f"{shown(item.channel_name or '')} {_author(item)} {item.type}", style="dim")
        return line_
    line_ = _head(item.at, item.seq)
    style = "bold red" if isinstance(item, Alarm) else "yellow"
    told = f"{item.code}: {item.detail}" if item.detail else item.code
    line_.append(shown(f"{output.text(item.code)} {told}"), style=style)
    return line_


def chosen_kind(kind: str | None, form: str | None) -> str:
    """The form's code from KIND or --form; raises InputInvalid where they differ."""
    if kind is not None and form is not None and kind.upper() != form.upper():
        raise InputInvalid(f"--form: {form} read, {kind} expected, which KIND names")
    return (kind or form or "MSG").upper()


def content_of(form: Form, file: str | None, output: Output, lists: CodeLists) -> dict[str, Any]:
    """The content map: from a file or standard input, at a terminal field by field."""
    if file is None and sys.stdin.isatty():
        try:
            return Prompts(form, output, input, lists).fill()
        except EOFError:
            raise InputInvalid("the form was not filled to its end") from None
    content = filled_content(form, STDIN if file is None else file, output)
    if not output.as_json:
        for note in list_notes(form, content, lists, output):
            output.note(note)
    return content


def referred(operation: Operation, text: str) -> bytes:
    """The leaf that --re names, by entry number or by its hex digits."""
    if not text.isdecimal() or len(text) >= 64:
        try:
            return hex_bytes(text, 32)
        except InputInvalid as error:
            raise InputInvalid(
                f"{text!r} read, an entry number or 64 hex digits expected"
            ) from error
    found = operation.view.feed.at(int(text))
    if not isinstance(found, Message | Control):
        raise NotKnown(f"no entry {text} is shown in this operation")
    return found.place.leaf


def _head(at: int, seq: int | None) -> Text:
    return Text(f"{shown_time(at)} {'' if seq is None else seq:>5} ", style="dim")


def _author(item: Message | Control) -> str:
    name = f" ({shown(item.author.name)})" if item.author.name else ""
    return f"{shown(item.author.code)}{name}"


def content_line(item: Message, output: Output, forms: FormSet) -> str:
    """By its form, where this version has one; a profile, or a newer kind, as it is."""
    content = item.content or {}
    form = forms.find(item.kind or "")
    return dumps(content) if form is None else form_line(form, content, output)
