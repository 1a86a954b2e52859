"""One frame for commands that work with a vault: open, act, say or print JSON, leave.

    @command(operations)
    async def remove(here: Here, operation: OperationName, codes: Codes) -> None:
        '''Remove people (a coordinator).'''
        await here.decide(operation, lambda found: found.remove(codes))

`command` adds `--vault`, `--password-file` and `--json`, opens the client with what `session`
asks for, and turns what fails into a sentence and an exit code. `plain` is the frame of commands
that open no vault.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import typer

from cencomm_client.cli.documents import posted_document
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.run import (
    DEFAULT_VAULT,
    AsJson,
    PasswordFile,
    Server,
    VaultPath,
    confirm,
    logged_in,
    opened,
    run,
)
from cencomm_client.client import Client
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted

P = ParamSpec("P")
R = TypeVar("R")
Decide = Callable[[Operation], Awaitable[Posted]]
_OPTIONS = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
    for name, default, kind in (
        ("vault", DEFAULT_VAULT, VaultPath),
        ("password_file", None, PasswordFile),
        ("as_json", False, AsJson),
    )
]
_SERVER = inspect.Parameter(
    "server", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Server
)


class Session(Enum):
    """What a command needs of the server."""

    NEEDED = auto()  # a session; a bot logs in by itself
    MADE = auto()  # the vault alone: the command itself makes or ends the session
    IF_THERE = auto()  # without one the command works with what this device holds
    OWN = auto()  # the command sees to it by itself


@dataclass(frozen=True, slots=True)
class Here:
    """An opened client, and where the results of the command go."""

    output: Output
    client: Client
    password_file: str | None = None

    async def confirm(self) -> None:
        """Ask for the password again before what cannot be undone; see `run.confirm`."""
        await confirm(self.client, self.password_file)

    async def operation(self, name: str) -> Operation:
        """The operation of this name; read to its newest checkpoint where there is a session."""
        found = await self.client.operation(name)
        if self.client.logged_in:
            await found.refresh()
        return found

    async def decide(self, name: str, decide: Decide) -> None:
        """Post one decision in an operation; show its receipt, and who goes on with a proposal."""
        found = await self.operation(name)
        posted = await decide(found)
        if posted.leaf in found.state.proposals:
            self.say("cli_proposed", seq=posted.seq, leaf=posted.leaf.hex())
            self.output.document(posted_document(posted))
        else:
            self.posted(posted)
        await found.tend()  # who decided goes first: new keys after a removal

    def posted(self, posted: Posted) -> None:
        """Show a receipt."""
        self.say("cli_posted", seq=posted.seq, leaf=posted.leaf.hex())
        self.output.document(posted_document(posted))

    def say(self, code: str, /, **values: object) -> None:
        """A sentence of the catalogue for people."""
        self.output.say(fill(self.output.text(code), **values))

    def show(
        self, document: Mapping[str, Any], *tables: tuple[Sequence[str], Iterable[Sequence[str]]]
    ) -> None:
        """Tables for people, the document for programs."""
        for columns, rows in tables:
            self.output.table(columns, rows)
        self.output.document(document)

    def listed(
        self,
        name: str,
        rows: Sequence[R],
        document: Callable[[R], Mapping[str, Any]],
        columns: Sequence[str],
        cells: Callable[[R], Sequence[str]],
    ) -> None:
        """One table for people, the documents under `name` for programs; where there is no row,
        the sentence `cli_no_{name}`."""
        if not rows:
            self.say(f"cli_no_{name}")
        self.show({name: [document(row) for row in rows]}, (columns, map(cells, rows)))


Act = Callable[Concatenate[Here, P], Awaitable[None]]
PlainAct = Callable[Concatenate[Output, P], Awaitable[None]]


def command(
    app: typer.Typer, name: str | None = None, *, session: Session = Session.NEEDED
) -> Callable[[Act[P]], Callable[..., None]]:
    """Make a coroutine function over an opened client a command of `app`."""

    def made(act: Act[P]) -> Callable[..., None]:
        done = framed(session=session)(act)
        app.command(name)(done)
        return done

    return made


def framed(
    *, session: Session = Session.NEEDED, moved: bool = False
) -> Callable[[Act[P]], Callable[..., None]]:
    """The function that typer calls: the act's own parameters and the three that all share.

    `moved`: with `--server` too, for a server that has another address now.
    """

    def made(act: Act[P]) -> Callable[..., None]:
        def call(
            vault: Path,
            password_file: str | None,
            as_json: bool,
            server: str | None = None,
            **given: Any,
        ) -> None:
            async def work(output: Output) -> None:
                enter = logged_in if session is Session.NEEDED else opened
                async with enter(output, vault, password_file, server) as client:
                    if session is Session.IF_THERE and client.is_bot and not client.logged_in:
                        await client.login()
                    here = Here(output, client, password_file)
                    await act(here, **given)  # type: ignore[call-arg]  # typer's

            run(as_json, work)

        return _shown_to_typer(call, act, _OPTIONS + [_SERVER] * moved)

    return made


def plain(app: typer.Typer, name: str) -> Callable[[PlainAct[P]], PlainAct[P]]:
    """Make a coroutine function over the output alone a command of `app`, with `--json`."""

    def made(act: PlainAct[P]) -> PlainAct[P]:
        app.command(name)(unframed(act))
        return act

    return made


def unframed(act: PlainAct[P]) -> Callable[..., None]:
    """The function that typer calls: the act's own parameters and `--json`."""

    def call(as_json: bool, **given: Any) -> None:
        async def work(output: Output) -> None:
            await act(output, **given)  # type: ignore[call-arg]  # typer's

        run(as_json, work)

    return _shown_to_typer(call, act, _OPTIONS[-1:])


def _shown_to_typer(
    call: Callable[..., None], act: Callable[..., object], options: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """`call` with the name, the words and the own parameters of `act`, and these options."""
    functools.update_wrapper(call, act)
    own = list(inspect.signature(act, eval_str=True).parameters.values())[1:]
    keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    signature = inspect.Signature([*keyword, *options])
    call.__signature__ = signature  # type: ignore[attr-defined]  # what typer reads
    call.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    del call.__wrapped__  # type: ignore[attr-defined]  # else it would read the act's instead
    return call
