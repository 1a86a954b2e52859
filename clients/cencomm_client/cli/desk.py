"""`cencomm desk`: the work of an operation on one screen, live."""

from __future__ import annotations

import asyncio
import os
from random import SystemRandom
from typing import Annotated

import typer
from cencomm_config.catalog import chosen_language

from cencomm_client.cli.arguments import OperationName
from cencomm_client.cli.desk_documents import desk_document
from cencomm_client.cli.desk_screen import MOST, DeskScreen, Head, Hide
from cencomm_client.cli.documents import posted_document
from cencomm_client.cli.frame import Here, Session, framed
from cencomm_client.client import Client
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.work.attending import Attendant
from cencomm_client.work.desk_bot import DeskBot
from cencomm_client.work.gate import Gate

REDRAW_S = 0.1  # at most ten pictures a second, however fast entries come
CLOCK_S = 1.0  # without any entry: the clocks go on


@framed(session=Session.IF_THERE)
async def desk(
    here: Here,
    operation: OperationName,
    once: Annotated[
        bool, typer.Option("--once", help="One picture of what is there; else stay live.")
    ] = False,
) -> None:
    """Show the desk: open warnings, what is overdue with whom, hits, tasks, returns, clones."""
    found = await here.operation(operation)
    attendant = found.attend()
    if here.output.as_json:
        here.output.document(desk_document(found, attendant))
        return
    console = here.output.console
    if once or not console.is_terminal:
        hide = Gate(found).hidden_at if here.output.copies else None
        console.print(picture(here.client, found, attendant, hide), soft_wrap=False)
        return
    await here.client.go_live()
    with here.output.screen() as screen:
        while True:
            seen = found.view.feed.size
            screen.update(picture(here.client, found, attendant), refresh=True)
            await asyncio.sleep(REDRAW_S)
            await _moved(found, seen)


@framed()
async def desk_bot(
    here: Here,
    operation: OperationName,
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Where missing situation reports are reminded of."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One round, then end.")] = False,
) -> None:
    """Remind of what is overdue, by stage, until the operation is over; safe to run twice."""
    found = await here.operation(operation)
    general = None if channel is None else found.channel(channel).id
    bot = DeskBot(found, SystemRandom().uniform, general)

    def told(posted: Posted) -> None:
        here.say("cli_posted", seq=posted.seq, leaf=posted.leaf.hex())
        if here.output.as_json:
            here.output.line(posted_document(posted))

    if once:
        for posted in await bot.once():
            told(posted)
        return
    await here.client.go_live()
    await bot.run(told)


def picture(
    client: Client, operation: Operation, attendant: Attendant, hide: Hide | None = None
) -> DeskScreen:
    """What stands now."""
    desk_ = attendant.refresh()
    snapshot = desk_.snapshot(attendant.now(), MOST)
    head = Head(operation.name, str(operation.phase), client.code, client.live)
    return DeskScreen(head, snapshot, hide, chosen_language(os.environ))


async def _moved(operation: Operation, seen: int) -> None:
    """Wait until there is more than was seen, or the clocks have moved."""
    try:
        async with asyncio.timeout(CLOCK_S - REDRAW_S):
            await operation.view.feed.moved(seen)
    except TimeoutError:
        return
