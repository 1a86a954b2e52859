"""What the command prints: tables and sentences for people, JSON for programs.

The only module of the package that writes to standard output and error. Every text goes through
`shown` (A51); JSON is ASCII on top, so that no byte of it can steer a terminal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cencomm_config.catalog import chosen_language, sentence
from cencomm_config.display import REPLACEMENT, shown
from cencomm_config.forms import FieldError, FormInvalid
from cencomm_crypto.errors import CencommError
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cencomm_client.cli.progress_line import ProgressLine
from cencomm_client.cli.steady import Steady
from cencomm_client.errors import Refused


class Output:
    """Where a command's results go; `as_json` gives one document, or lines where it streams."""

    def __init__(
        self, *, as_json: bool, console: Console | None = None, errors: Console | None = None
    ) -> None:
        self.as_json = as_json
        self.language = chosen_language(os.environ)
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._errors = errors or Console(stderr=True, highlight=False, soft_wrap=True)
        self.progress = ProgressLine(self._errors, lambda stage: self.text(f"label_stage_{stage}"))
        """How far the reading of a long log is"""
        if as_json:
            self.progress.mute()

    @property
    def copies(self) -> bool:
        """Whether what is shown goes into another program or a file, not before a person."""
        return self.as_json or not self.console.is_terminal

    def document(self, value: Mapping[str, Any]) -> None:
        """The one JSON document of a command; nothing where people read."""
        if self.as_json:
            self._write(dumps(value))

    def line(self, value: Mapping[str, Any]) -> None:
        """One JSON line of a stream."""
        self._write(dumps(value))

    def text(self, code: str) -> str:
        """The catalogue's sentence for `code`, with its places still open (`fill`)."""
        return sentence(code, self.language)

    def say(self, text: str, style: str = "") -> None:
        """A sentence for people; foreign parts were put through `shown` by `fill`."""
        if not self.as_json:
            self.console.print(Steady(Text(text, style=style)))

    def screen(self) -> Live:
        """A picture that takes the whole terminal: from now on nothing else draws there."""
        self.progress.mute()
        return Live(console=self.console, screen=True, auto_refresh=False, transient=True)

    def note(self, text: str) -> None:
        """A remark beside the result, on standard error."""
        self._errors.print(Steady(Text(text, style="dim")))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table for people; every cell is shown as text only. One without rows is left out.

        `columns` are words of the code; the headings are the catalogue's (`column_...`).
        """
        if self.as_json:
            return
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
        for column in columns:
            # A hash or an id is there to be compared or copied: it is folded, never cut.
            table.add_column(self._heading(column), overflow="fold")
        for row in rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        if table.row_count:
            self.console.print(Steady(table))

    def _heading(self, column: str) -> str:
        """The catalogue's word for a column; one without a name has none."""
        return self.text("column_" + column.replace(" ", "_")) if column else ""

    def error(self, error: CencommError) -> None:
        """Say what went wrong: the catalogue's sentence and the detail; JSON on standard error."""
        code, detail = shown(str(error.code)), shown(error.detail, max_len=2000)
        if self.as_json:
            value: dict[str, Any] = {"error": {"code": code, "detail": detail}}
            row = getattr(error, "row", None)
            if row is not None:
                value["error"]["row"] = row
            if isinstance(error, FormInvalid):
                value["error"]["fields"] = field_documents(error.errors, self.language)
            self._errors.print(dumps(value), markup=False, highlight=False, soft_wrap=True)
            return
        text = Text(self.text(code), style="bold red")
        self._errors.print(text)
        if isinstance(error, FormInvalid):
            for wrong in error.errors:
                told = Text(f"  {wrong.shown(self.language)}", style="red")
                self._errors.print(Steady(told))
        elif detail:
            more = error.told if isinstance(error, Refused) else ()
            for one in reversed(more):  # said below, in the person's language
                detail = detail.removesuffix(shown(one.text())).rstrip()
            self._errors.print(Steady(Text(f"{code}: {detail}", style="red")))
            for one in more:
                said = fill(self.text(one.code), **one.values)
                self._errors.print(Steady(Text(f"  {said}", style="red")))

    def _write(self, text: str) -> None:
        self.console.file.write(text + "\n")
        self.console.file.flush()


def field_documents(errors: Iterable[FieldError], language: str) -> list[dict[str, Any]]:
    """Wrong fields of a form for programs; the sentence is in the person's language.

    `path` is a list of names and row numbers: `shown` would change the brackets of a text.
    """
    return [
        {
            "path": list(wrong.steps),
            "label": wrong.label(language),
            "read": wrong.read,
            "expected": wrong.wanted(language),
        }
        for wrong in errors
    ]


def fill(text: str, /, **values: object) -> str:
    """Put values into a sentence, each through `shown`."""
    return text.format(**{name: shown(str(value)) for name, value in values.items()})


def dumps(value: Any) -> str:
    """One line of ASCII JSON: bytes as hex, texts through `shown`."""
    return json.dumps(plain(value), ensure_ascii=True, separators=(", ", ": "))


def plain(value: Any) -> Any:
    """A value of JSON's types; keys and texts through `shown`, bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for key, item in value.items():
            name = shown(str(plain(key)))
            while name in made:  # two names that look alike stay two: none is dropped in silence
                name += REPLACEMENT
            made[name] = plain(item)
        return made
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
