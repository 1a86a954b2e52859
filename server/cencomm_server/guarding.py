"""What all commands of `cencomm-server` share: options, one way to fail, JSON as the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cencomm_config.catalog import sentence
from cencomm_config.display import shown
from cencomm_config.errors import (
    BadInstallation,
    BadSettings,
    OperatorsNeeded,
    StoreDown,
    UnknownFormat,
)
from cencomm_crypto.errors import CencommError
from rich.console import Console
from rich.text import Text

EXIT_DEFECT, EXIT_INSTALLATION, EXIT_STORE = 1, 3, 4

T = TypeVar("T")

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; setting CENCOMM_DATA_DIR.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file; default cencomm.toml in the data folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]


def guarded(work: Callable[[], T], as_json: bool) -> T:
    """Turn what an operator can mend into a sentence and an exit code."""
    try:
        return work()
    except CencommError as error:
        if as_json:
            print_json({"code": str(error.code), "detail": shown(error.detail)})
        else:
            console = Console(stderr=True, highlight=False)
            console.print(Text(sentence(error.code), style="red"))
            console.print(Text(shown(error.detail)))
        raise typer.Exit(_exit_code(error)) from None


def print_json(value: Mapping[str, object]) -> None:
    """One line."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def _exit_code(error: CencommError) -> int:
    if isinstance(error, BadSettings | BadInstallation | OperatorsNeeded):
        return EXIT_INSTALLATION
    return EXIT_STORE if isinstance(error, StoreDown | UnknownFormat) else EXIT_DEFECT
