"""From a command's arguments to its exit code: options that all share, and one way to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from cencomm_config.display import shown
from cencomm_crypto.errors import CencommError

from cencomm_client.cli.exits import Exit, exit_for
from cencomm_client.cli.output import Output
from cencomm_client.cli.prompts import secret
from cencomm_client.client import Client
from cencomm_client.errors import FileUnusable, NoSession, VaultPassword
from cencomm_client.station import Settings

DEFAULT_VAULT = Path("cencomm.vault")

VaultPath = Annotated[
    Path,
    typer.Option("--vault", envvar="CENCOMM_CLIENT_VAULT", help="The vault file of this device."),
]
PasswordFile = Annotated[
    str | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Read the password from this file (mode 600), - is standard input; else it is asked.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
Server = Annotated[str | None, typer.Option("--server", help="The server's address, if it moved.")]

Work = Callable[[Output], Awaitable[None]]


def run(as_json: bool, work: Work) -> None:
    """Run a command's work and leave with its exit code; everything that fails ends here."""
    output = Output(as_json=as_json)
    try:
        asyncio.run(_awaited(work, output))
    except CencommError as error:
        _leave(output, error)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(Exit.OK) from None  # who read has had enough
    except OSError as error:
        _leave(output, FileUnusable(f"{error.filename or 'a file'}: {error.strerror}"))


@asynccontextmanager
async def opened(
    output: Output, vault: Path, password_file: str | None, server: str | None = None
) -> AsyncIterator[Client]:
    """The client of a vault, with or without a session; ends with what its owner should know."""
    password = secret("password", password_file)
    with output.progress as line:
        settings = Settings(progress=line)
        client = await Client.resume(vault, password, server=server, settings=settings, wait_s=5.0)
        async with client:
            try:
                yield client
            finally:
                for remark in client.remarks():
                    output.note(f"{output.text(remark.code)} {shown(remark.detail)}")


@asynccontextmanager
async def logged_in(
    output: Output, vault: Path, password_file: str | None, server: str | None = None
) -> AsyncIterator[Client]:
    """The client of a vault with its session; a bot logs in by itself. Raises NoSession."""
    async with opened(output, vault, password_file, server) as client:
        if not client.logged_in:
            if not client.is_bot:
                raise NoSession("there is no session; run: cencomm login")
            await client.login()
        yield client


async def confirm(client: Client, password_file: str | None) -> None:
    """Ask for the password again before what cannot be undone; raises VaultPassword.

    From where it came at first: the terminal, the file, the next line of standard input.
    """
    again = secret("password once more", password_file)
    if not await asyncio.to_thread(client.vault.opens_with, again):
        raise VaultPassword("the password given once more is not the vault's; nothing was done")


async def _awaited(work: Work, output: Output) -> None:
    await work(output)


def _leave(output: Output, error: CencommError) -> NoReturn:
    output.error(error)
    raise typer.Exit(exit_for(error)) from None
