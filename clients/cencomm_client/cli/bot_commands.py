"""`cencomm bot`: run the hits bot beside a source system, and see how it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cencomm_client.bots.bot import Bot, queue_key, queue_path
from cencomm_client.bots.folder import Folder, outcome_document, result_document
from cencomm_client.bots.health import ENDING, read_status
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.serving import Address
from cencomm_client.bots.source import Outcome, Result, Source, State
from cencomm_client.bots.webhook import LEAST_SECRET, Webhook
from cencomm_client.cli.arguments import OperationName
from cencomm_client.cli.exits import InputInvalid, NotKnown
from cencomm_client.cli.frame import Here, Session, command
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.prompts import secret
from cencomm_client.cli.run import DEFAULT_VAULT, AsJson, VaultPath, run

bots = typer.Typer(no_args_is_help=True, help="Bots: automated hits into one channel.")


@command(bots, session=Session.OWN)
async def hits(
    here: Here,
    operation: OperationName,
    folder: Annotated[
        str | None,
        typer.Option(
            "--folder", metavar="PATH", help="Take hits from *.json files in this folder."
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="ADDRESS:PORT", help="Take signed POST /hits, loopback."),
    ] = None,
    webhook_secret_file: Annotated[
        str | None,
        typer.Option("--webhook-secret-file", help="Secret that the source signs with, mode 600."),
    ] = None,
    health: Annotated[
        str | None,
        typer.Option("--health", metavar="ADDRESS:PORT", help="Serve GET /healthz, loopback."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End when the folder is empty and all is in the log.")
    ] = False,
) -> None:
    """Take hits, keep them on the disk, drop them as the admission's rate allows."""
    if (folder is None) == (webhook is None):
        raise InputInvalid("one of --folder and --webhook expected")
    source: Source
    if folder is not None:
        source = Folder(_folder(folder), once=once)
    else:
        if once:
            raise InputInvalid("--once goes with --folder")
        key = secret("webhook secret", webhook_secret_file).encode()
        if len(key) < LEAST_SECRET:
            raise InputInvalid(f"a webhook secret of at least {LEAST_SECRET} characters expected")
        source = Webhook(
            Address.parse(webhook or ""),
            key,
            clock=here.client._station.settings.clock,
            on_port=lambda port: _listens(here.output, port),
        )
    bot = HitsBot(here, operation, source, None if health is None else Address.parse(health))
    ended = await bot.run(until_idle=once)
    here.say("cli_bot_ended", posted=ended.posted, waiting=ended.waiting, refused=ended.refused)
    here.output.document(ended.document())


@bots.command()
def status(vault: VaultPath = DEFAULT_VAULT, as_json: AsJson = False) -> None:
    """How the bots of this vault are: needs no password, and no bot stops for it."""

    async def work(output: Output) -> None:
        if not vault.exists():
            raise NotKnown(f"{vault}: no vault")
        found = [read_status(path) for path in sorted(vault.parent.glob(f"{vault.name}.*{ENDING}"))]
        rows = [row for row in found if row is not None]
        if not rows:
            output.say(output.text("cli_no_bots"))
        for row in rows:
            output.table(("bot", ""), _rows(row))
        output.document({"bots": rows})

    run(as_json, work)


@command(bots, session=Session.OWN)
async def refused(here: Here, operation: OperationName) -> None:
    """Show the hits that the server refused for good; their content is kept."""
    queue = await _queue(here, operation)
    try:
        found = queue.refused()
    finally:
        queue.close()
    if not found:
        here.say("cli_none_refused")
    here.show(
        {"refused": [{"source": one.source, "key": one.key, "code": one.code} for one in found]},
        (("source", "key", "code"), [(one.source, one.key, one.code) for one in found]),
    )


@command(bots, session=Session.OWN)
async def again(
    here: Here,
    operation: OperationName,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys of the source; else all.")
    ] = None,
) -> None:
    """Put refused hits back: the bot's next run drops them, none of them twice."""
    queue = await _queue(here, operation)
    try:
        found = [one for one in queue.refused() if not keys or one.key in keys]
        lacking = set(keys or ()) - {one.key for one in found}
        if lacking:
            raise NotKnown(f"no refused hit of the key {', '.join(sorted(lacking))}")
        queue.put_back(one.row for one in found)
        waiting = queue.counts().waiting
    finally:
        queue.close()
    here.say("cli_put_back", count=len(found), waiting=waiting)
    here.output.document({"put_back": [one.key for one in found], "waiting": waiting})


def _folder(name: str) -> Path:
    """The folder of a name; an empty one is not the folder here: a script's slip must not move
    away what lies there."""
    if not name or not Path(name).is_dir():
        raise InputInvalid(f"--folder: {name!r} read, a folder expected")
    return Path(name)


async def _queue(here: Here, name: str) -> Queue:
    """The queue of an operation: the vault's lock says that no bot has it open now."""
    found = await here.client.operation(name)
    vault = here.client.vault
    path = queue_path(vault.path, found.id)
    if not path.exists():
        raise NotKnown(f"no bot of this vault has run in {name}")
    return Queue(path, queue_key(vault), found.id)


class HitsBot(Bot):
    """Says of each hit that did not go in why, once, and goes on."""

    def __init__(self, here: Here, operation: str, source: Source, health: Address | None) -> None:
        super().__init__(here.client, operation, source, health=health)
        self._output = here.output

    async def answered(self, key: str, result: Result) -> None:
        """One line for each result, for programs; a folder has it as a file too."""
        if self._output.as_json:
            self._output.line({"result": result_document(result)})

    async def heard(self, outcome: Outcome) -> None:
        """One line for what is no hit, or was refused; what is in the log stands there."""
        if outcome.state not in (State.INVALID, State.REFUSED) or outcome.known:
            return
        if self._output.as_json:
            self._output.line(outcome_document(outcome))
            return
        code = "cli_bot_invalid" if outcome.state is State.INVALID else "cli_bot_refused"
        values = {"key": outcome.key, "code": outcome.code, "detail": outcome.detail}
        self._output.say(fill(self._output.text(code), **values))


def _listens(output: Output, port: int) -> None:
    if output.as_json:
        output.line({"listening": port})
    else:
        output.say(fill(output.text("cli_bot_listens"), address=f"port {port}"))


def _rows(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in row.items()]
