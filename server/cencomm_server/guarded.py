"""`cencomm-server operator ...` and `cencomm-server logkey ...`: what needs two operators."""

from __future__ import annotations

import asyncio
import getpass
import stat
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from cencomm_config.display import shown
from cencomm_config.errors import NoDirectory, OperatorsNeeded
from cencomm_config.settings import ServerSettings, load
from cencomm_crypto.public.replay import DirectoryLog

from cencomm_server import installation as installations
from cencomm_server.app import store_beside
from cencomm_server.guarding import AsJson, Config, Data, guarded, print_json
from cencomm_server.operators import Approval, Operators
from cencomm_server.replaying import replay
from cencomm_server.store.documents import LogKind

operators = typer.Typer(no_args_is_help=True, help="Who must stand behind dangerous commands.")
logkey = typer.Typer(no_args_is_help=True, help="A change of the key that signs checkpoints.")

By = Annotated[
    list[str] | None,
    typer.Option("--operator", help="An operator who stands behind this; twice."),
]
PassphraseFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--passphrase-file",
        help="Passphrases in files (mode 600), in the order of --operator; else they are asked.",
    ),
]


def approvals_of(names: list[str] | None, files: list[Path] | None) -> list[Approval]:
    """The operators on the command line with their passphrases; never an argument."""
    given, paths = names or [], files or []
    return [
        Approval(name, _passphrase(name, paths[at] if at < len(paths) else None))
        for at, name in enumerate(given)
    ]


@operators.command("add")
def add_operator(
    name: Annotated[str, typer.Argument(help="A short name, such as anna.")],
    new_file: Annotated[
        Path | None, typer.Option("--new-passphrase-file", help="Its passphrase; else asked.")
    ] = None,
    by: By = None,
    files: PassphraseFiles = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Name an operator; the first two freely, later ones by two of them."""

    def work() -> dict[str, Any]:
        kept = Operators.of(_settings(data, config))
        kept.add(name, _passphrase(name, new_file), approvals_of(by, files))
        return {"operators": list(kept.names)}

    _tell(guarded(work, as_json), as_json)


@operators.command("remove")
def remove_operator(
    name: Annotated[str, typer.Argument(help="The operator's name.")],
    by: By = None,
    files: PassphraseFiles = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take an operator off the list, by two."""

    def work() -> dict[str, Any]:
        kept = Operators.of(_settings(data, config))
        kept.remove(name, approvals_of(by, files))
        return {"operators": list(kept.names)}

    _tell(guarded(work, as_json), as_json)


@operators.command("list")
def list_operators(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Who is named, and whether one alone was accepted."""

    def work() -> dict[str, Any]:
        kept = Operators.of(_settings(data, config))
        return {"operators": list(kept.names), "single": kept.single}

    _tell(guarded(work, as_json), as_json)


@logkey.command("next")
def next_key(
    by: By = None,
    files: PassphraseFiles = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Draw the next log key; prints its public half for `cencomm root logkey`."""

    def work() -> dict[str, Any]:
        settings = _settings(data, config)
        Operators.of(settings).approve("logkey next", approvals_of(by, files))
        drawn = installations.make_next_log_key(installations.load(settings.data_dir))
        return {"log_key": drawn.public.hex()}

    _tell(guarded(work, as_json), as_json)


@logkey.command("adopt")
def adopt_key(
    by: By = None,
    files: PassphraseFiles = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """After governance has named the next key: destroy the one before. Then restart the server."""

    async def named(settings: ServerSettings) -> bytes:
        held = installations.load(settings.data_dir)
        async with store_beside(settings) as store:
            for doc in await store.logs():
                if doc.kind is LogKind.DIRECTORY:
                    found = await replay(store, doc, held, None)
                    if isinstance(found.log, DirectoryLog):
                        return found.log.state.log_key
        raise NoDirectory("there is no directory that could name a log key")

    def work() -> dict[str, Any]:
        settings = _settings(data, config)
        log_key = asyncio.run(named(settings))
        Operators.of(settings).approve("logkey adopt", approvals_of(by, files))
        made = installations.adopt_log_key(installations.load(settings.data_dir), log_key)
        return {
            "log_key": made.log_key.public.hex(),
            "past": [key.hex() for key in made.past_log_keys],
        }

    _tell(guarded(work, as_json), as_json)


def _settings(data: Path | None, config: Path | None) -> ServerSettings:
    settings = load(config, data_dir=data)
    installations.load(settings.data_dir)
    return settings


def _passphrase(name: str, file: Path | None) -> str:
    if file is None:
        if not sys.stdin.isatty():
            raise OperatorsNeeded(f"no terminal to ask {shown(name)} for its passphrase")
        return getpass.getpass(f"Passphrase of {shown(name)}: ")
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise OperatorsNeeded(f"{file} is readable by others; chmod 600 it")
        with file.open(encoding="utf-8") as opened:
            return opened.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise OperatorsNeeded(f"{file} cannot be read") from None


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for name, value in answer.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        typer.echo(f"{name}: {shown(text)}")
