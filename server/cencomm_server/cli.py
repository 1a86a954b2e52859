"""`cencomm-server init | run | doctor | export | operator | logkey`: what an operator does.

Exit codes: 0 done, 1 a defect, 2 wrong usage, 3 settings or data folder, 4 the store, 5 `doctor`
found something wrong. With `--json` the answer is one JSON object on standard output, also for a
failure. Log lines go to standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from cencomm_config.display import shown
from cencomm_config.settings import ServerSettings, load
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cencomm_server import installation as installations
from cencomm_server import journal
from cencomm_server.app import running, store_beside
from cencomm_server.doctor import Report, Verdict, examine
from cencomm_server.export import write_export
from cencomm_server.guarded import By, PassphraseFiles, approvals_of, logkey, operators
from cencomm_server.guarding import AsJson, Config, Data, guarded, print_json
from cencomm_server.operators import Operators

EXIT_UNWELL = 5
_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}

T = TypeVar("T")
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(operators, name="operator")
app.add_typer(logkey, name="logkey")


@app.command()
def init(
    name: Annotated[str, typer.Option("--name", help="The deployment's name, for ever.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a data folder: the log key and the key that seals one-time secrets."""

    def make() -> dict[str, object]:
        settings = load(config, data_dir=data)
        made = installations.create(settings.data_dir, name)
        return {
            "data": str(made.folder),
            "name": made.name,
            "log_key": made.log_key.public.hex(),
            "setup_token": made.setup_token.hex() if made.setup_token else None,
        }

    made = guarded(make, as_json)
    if as_json:
        print_json(made)
        return
    out = Console(highlight=False)
    out.print(f"Made {shown(str(made['data']))} for the deployment {shown(name)}.")
    out.print("Public log key, for the directory's genesis:")
    out.print(str(made["log_key"]), style="bold", soft_wrap=True)
    out.print("Set-up token, for the custodians alone; the first genesis must bring it:")
    out.print(str(made["setup_token"]), style="bold", soft_wrap=True)
    out.print(
        "Keep a copy of the folder `keys` off this machine. Next: the governance root makes the"
        " genesis with `cencomm root`, and `cencomm-server run` takes it."
    )


@app.command()
def run(
    data: Data = None,
    config: Config = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT; setting CENCOMM_LISTEN.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="`embedded`; a mongodb:// URI belongs into CENCOMM_STORE.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate chain (PEM); setting CENCOMM_TLS_CERT.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Its private key (PEM); setting CENCOMM_TLS_KEY.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written once the server takes requests, as --json prints.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C; prints one line when ready."""
    if port is not None:
        if listen is not None:
            raise typer.BadParameter("--listen and --port exclude each other")
        listen = f"127.0.0.1:{port}"

    def serve() -> None:
        settings = load(
            config, data_dir=data, listen=listen, store=store, tls_cert=tls_cert, tls_key=tls_key
        )
        journal.configure(settings.log_level)
        _run(_serve(settings, ready_file, as_json))

    guarded(serve, as_json)


@app.command()
def doctor(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Check everything: settings, keys, store, clock, and every log replayed against its head."""

    def look() -> Report:
        journal.configure("error")
        return _run(examine(lambda: load(config, data_dir=data), store_beside, os.environ))

    report = guarded(look, as_json)
    if as_json:
        print_json(report.as_json())
    else:
        _print_report(report)
    if not report.is_well:
        raise typer.Exit(EXIT_UNWELL)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="File to write; it must not exist.")],
    by: By = None,
    passphrase_files: PassphraseFiles = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write every byte of every log that the server keeps, with all wraps; by two operators."""

    async def write() -> dict[str, object]:
        journal.configure("error")
        settings = load(config, data_dir=data)
        installation = installations.load(settings.data_dir)
        Operators.of(settings).approve("export", approvals_of(by, passphrase_files))
        async with store_beside(settings) as opened:
            return (await write_export(opened, installation, out)).as_json()

    written = guarded(lambda: _run(write()), as_json)
    if as_json:
        print_json(written)
    else:
        text = ", ".join(f"{value} {key}" for key, value in written.items())
        Console(highlight=False).print(f"Wrote {shown(str(out))}: {text}.")


def main() -> None:
    """Entry point of the command."""
    app()


async def _serve(settings: ServerSettings, ready_file: Path | None, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with running(settings) as server:
        if ready_file is not None:
            _write_ready(ready_file, server.as_json())
        if as_json:
            print_json(server.as_json())
        else:
            state = "ready" if server.directory is not None else "waiting for its directory genesis"
            typer.echo(f"cencomm-server {server.name} is {state} at {server.url}")
        await stopped.wait()
        if ready_file is not None:
            _remove(ready_file)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _write_ready(path: Path, ready: Mapping[str, object]) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(ready) + "\n", encoding="utf-8")
    draft.replace(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _print_report(report: Report) -> None:
    table = Table("check", "", "found", box=None, pad_edge=False)
    for finding in report.findings:
        colour = _COLOURS[finding.verdict]
        mark = Text(finding.verdict.value, style=colour)
        table.add_row(Text(shown(finding.name)), mark, Text(shown(finding.detail)))
    console = Console(highlight=False)
    console.print(table)
    if report.is_well:
        console.print(Text("Nothing is wrong.", style="green"))
    else:
        console.print(Text("Something is wrong.", style="red"))
