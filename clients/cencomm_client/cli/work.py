"""`cencomm search`, `chain`, `correct`, `withdraw`, `forward`, `export`: with entries that
stand."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from cencomm_config.display import shown_time
from cencomm_config.forms import FormSet, base_set

from cencomm_client.cli.arguments import OperationName
from cencomm_client.cli.desk_documents import chain_document, history_rows
from cencomm_client.cli.documents import item_document
from cencomm_client.cli.exits import InputInvalid, NotKnown
from cencomm_client.cli.filled import filled_content
from cencomm_client.cli.frame import Here, Session, framed
from cencomm_client.cli.messages import content_line, referred
from cencomm_client.cli.output import Output, dumps
from cencomm_client.cli.prompts import STDIN, line
from cencomm_client.items import Message
from cencomm_client.sealed_file import replace_file
from cencomm_client.work import authoring
from cencomm_client.work.gate import Gate
from cencomm_client.work.searching import search as search_in
from cencomm_client.work.searching import sought

MOST = 50
Entry = Annotated[str, typer.Argument(help="Entry number, or leaf hash in hex.")]
Why = Annotated[
    str | None,
    typer.Option("--why-file", metavar="FILE", help="The reason, as text; - is standard input."),
]


@framed(session=Session.IF_THERE)
async def search(
    here: Here,
    operation: OperationName,
    words: Annotated[list[str], typer.Argument(help="All of them; numbers in any spelling.")],
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many.")] = MOST,
) -> None:
    """Search what this device can read, newest first; nothing is indexed on disk."""
    if not any(sought(words)):
        raise InputInvalid("WORDS: at least one letter, digit or sign expected")
    found = await here.operation(operation)
    gate, desk = Gate(found), found.attend().refresh()
    rows: list[dict[str, Any]] = []
    more = False
    for one in search_in(desk, words):
        if len(rows) == most:
            more = True
            break
        place = one.message.place
        hidden = here.output.copies and gate.hidden(one.message)
        rows.append(
            {
                "seq": place.seq,
                "leaf": place.leaf,
                "at": place.at,
                "channel": one.message.channel_name,
                "author": one.message.author.code,
                "kind": one.message.kind,
                "excerpt": None if hidden else one.excerpt,
                "corrected": bool(one.present.applied),
                "withdrawn": one.present.withdrawn is not None,
                "former": one.former,
            }
        )
    if not rows:
        here.say("cli_none_found")
    here.show(
        {"found": rows, "more": more},
        (
            ("at", "entry", "channel", "author", "kind", "says", ""),
            [
                (
                    shown_time(row["at"]),
                    str(row["seq"]),
                    row["channel"],
                    row["author"],
                    row["kind"] or "?",
                    row["excerpt"] or "",
                    " ".join(name for name in ("corrected", "withdrawn", "former") if row[name]),
                )
                for row in rows
            ],
        ),
    )


@framed(session=Session.IF_THERE)
async def chain(here: Here, operation: OperationName, entry: Entry) -> None:
    """Show the chain that an entry is in: how far it came, who owes what, all that was said."""
    found = await here.operation(operation)
    attendant, gate = found.attend(), Gate(found)
    desk = attendant.refresh()
    stands = desk.chain(referred(found, entry))
    if stands is None:
        raise NotKnown(f"no chain of entry {entry}")
    clock = desk.clock(attendant.now())
    rows = history_rows(desk, stands)
    history: list[dict[str, Any]] = []
    for row in rows:
        item = await gate.copied(row.message) if here.output.as_json else row.message
        history.append({**item_document(item, here.output.language), "state": row.state})
    document = chain_document(stands, clock, hide=gate.hidden(stands.root))
    here.show(
        {**document, "history": history},
        (
            ("owes", "what", "due", "met", "with"),
            [
                (
                    duty.administration,
                    str(duty.what),
                    "" if duty.due is None else shown_time(duty.due),
                    "" if duty.met_at is None else shown_time(duty.met_at),
                    "" if (stage := duty.stage(clock)) is None else stage.label,
                )
                for duty in stands.duties
            ],
        ),
        (
            ("at", "entry", "author", "kind", "state", "says"),
            [
                (
                    shown_time(row.message.place.at),
                    str(row.message.place.seq),
                    row.message.author.code,
                    row.message.kind or "?",
                    row.state,
                    ""
                    if here.output.copies and gate.hidden(row.message)
                    else _says(row.message, here.output, found.view.form_set),
                )
                for row in rows
            ],
        ),
    )


@framed()
async def correct(
    here: Here,
    operation: OperationName,
    entry: Entry,
    file: Annotated[
        str, typer.Option("--file", metavar="FILE", help="The changed fields: a JSON object.")
    ],
    why_file: Why = None,
) -> None:
    """Give fields of an entry of the own administration anew; the old entry stays."""
    found = await here.operation(operation)
    leaf = referred(found, entry)
    message = found.attend().refresh().message(leaf)
    if message is None:
        raise NotKnown(f"entry {entry} is no message that this device can read")
    form = found.view.form_set.form(message.kind or "")
    changed = await asyncio.to_thread(filled_content, form, file, here.output)
    why = await asyncio.to_thread(_text, why_file, here.output)
    here.posted(await authoring.correct(found, leaf, changed, why))


@framed()
async def withdraw(
    here: Here, operation: OperationName, entry: Entry, why_file: Why = None
) -> None:
    """Withdraw an entry of the own administration; it stays in the history."""
    why = await asyncio.to_thread(_text, why_file, here.output)
    found = await here.operation(operation)
    here.posted(await authoring.withdraw(found, referred(found, entry), why))


@framed()
async def forward(
    here: Here,
    operation: OperationName,
    entry: Entry,
    channel: Annotated[str, typer.Argument(help="The channel that it goes to.")],
) -> None:
    """Quote an entry into another channel; H2 and TLP RED only under a REL."""
    found = await here.operation(operation)
    here.posted(await authoring.forward(found, referred(found, entry), channel))


@framed()
async def export(
    here: Here,
    operation: OperationName,
    out: Annotated[Path, typer.Option("--out", help="The file, made anew: JSON lines.")],
    entries: Annotated[
        list[str] | None, typer.Argument(help="Entry numbers or leaf hashes; else all.")
    ] = None,
) -> None:
    """Write entries into a file; H2 and TLP RED only under a REL."""
    found = await here.operation(operation)
    leaves = [referred(found, entry) for entry in entries] if entries else None
    passing, stays = await authoring.export(found, leaves)
    lines = [
        dumps({**item_document(message, here.output.language), "content": dict(content)})
        for message, content in passing
    ]
    await asyncio.to_thread(replace_file, out, "".join(f"{line}\n" for line in lines).encode())
    here.say("cli_exported", count=len(passing), file=out, stays=len(stays))
    here.show(
        {
            "file": str(out),
            "entries": [message.place.leaf for message, _ in passing],
            "stays": [{"entry": one.entry, "detail": one.detail} for one in stays],
        },
        (("stays", "why"), [(one.entry.hex()[:16], one.detail) for one in stays]),
    )


def _text(file: str | None, output: Output) -> str:
    """A reason: a file's text, standard input, or a line that is asked for."""
    if file is None and sys.stdin.isatty():
        return line("reason", None)
    content = filled_content(base_set().form("MSG"), STDIN if file is None else file, output)
    said = content.get("text")
    if not isinstance(said, str) or not said:
        raise InputInvalid("--why-file: the reason expected, as text")
    return said


def _says(message: Message, output: Output, forms: FormSet) -> str:
    """What a message says, as `follow` tells it; of a damaged one, why it cannot be shown."""
    if message.damage is not None:
        return str(message.damage.code)
    return content_line(message, output, forms)
