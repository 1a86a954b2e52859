"""A filled form from a file or standard input, and times told back as they were understood."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cencomm_config.forms import Form
from cencomm_config.forms.fields import Field
from cencomm_config.forms.typed import loads, typed

from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.prompts import STDIN
from cencomm_client.code_lists import LARGE, CodeLists

MAX_CONTENT = 64 * 1024  # characters
_MARK = "\ufeff"  # some editors begin a file so; behind it a form would pass for plain text


def filled_content(form: Form, file: str, output: Output) -> dict[str, Any]:
    """The content in its normal form, not checked yet; raises InputInvalid.

    A file for MSG may be the text itself. A time without zone is one of this machine's zone, and
    is told to people with its offset, on standard error.
    """
    data = _read(file)
    if form.code == "MSG" and not data.lstrip().startswith("{"):
        return form.normal({"text": data})
    try:
        value = loads(data)
    except (ValueError, RecursionError) as error:
        raise InputInvalid(f"{_named(file)}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputInvalid(f"{_named(file)}: a JSON object expected")
    made = typed(form, value)
    for path, told in () if output.as_json else made.times:
        output.note(fill(output.text("cli_time_read"), path=path, time=told))
    return form.normal(made.content)


def list_notes(form: Form, content: Any, lists: CodeLists, output: Output) -> list[str]:
    """What the imported lists say of a content's codes: those that they lack; or that none is here.

    Lists change every year and lag behind: a code that they lack is told, never refused.
    """
    notes: list[str] = []
    missing: set[str] = set()
    for path, name, code in _codes(form.root, content, ""):
        if not lists.there(name):
            missing.add(name)
        elif lists.name_of(name, code) is None:
            told = {"path": path, "code": code, "list": name}
            notes.append(fill(output.text("cli_not_listed"), **told))
    notes += [fill(output.text("cli_no_list"), list=name) for name in sorted(missing)]
    return notes


def _codes(field: Field, value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Path, list and code of every UN/LOCODE and HS code of a content."""
    if field.format in LARGE and isinstance(value, str):
        yield path, field.format, value
    elif isinstance(value, dict):
        for name, below in field.fields.items():
            if name in value:
                yield from _codes(below, value[name], f"{path}.{name}" if path else name)
    elif isinstance(value, list) and field.row is not None:
        for place, item in enumerate(value):
            yield from _codes(field.row, item, f"{path}[{place}]")


def _read(file: str) -> str:
    try:
        if file == STDIN:
            data = sys.stdin.read(MAX_CONTENT + 1)
        else:
            with Path(file).open(encoding="utf-8") as source:
                data = source.read(MAX_CONTENT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{_named(file)}: cannot be read") from error
    if len(data) > MAX_CONTENT:
        raise InputInvalid(f"{_named(file)}: at most {MAX_CONTENT} characters expected")
    return data.removeprefix(_MARK)


def _named(file: str) -> str:
    return "standard input" if file == STDIN else file
