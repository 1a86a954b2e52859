"""A filled form from a file or standard input, and times told back as they were understood."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cencomm_config.forms import Form
from cencomm_config.forms.typed import loads, typed

from cencomm_client.cli.exits import InputInvalid
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.prompts import STDIN

MAX_CONTENT = 64 * 1024  # characters


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
        raise InputInvalid(f"{file}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputInvalid(f"{file}: a JSON object expected")
    made = typed(form, value)
    for path, told in () if output.as_json else made.times:
        output.note(fill(output.text("cli_time_read"), path=path, time=told))
    return form.normal(made.content)


def _read(file: str) -> str:
    try:
        if file == STDIN:
            data = sys.stdin.read(MAX_CONTENT + 1)
        else:
            with Path(file).open(encoding="utf-8") as source:
                data = source.read(MAX_CONTENT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file}: cannot be read") from error
    if len(data) > MAX_CONTENT:
        raise InputInvalid(f"{file}: at most {MAX_CONTENT} characters expected")
    return data
