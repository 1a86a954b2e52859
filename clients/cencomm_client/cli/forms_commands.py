"""`cencomm forms` and `cencomm lists`: what can be said, and in which codes. Opens no vault."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from cencomm_config.forms import FormSet, base_set, code_lists
from cencomm_config.forms.fields import Field, Kind

from cencomm_client.cli.arguments import bytes_of
from cencomm_client.cli.filled import filled_content
from cencomm_client.cli.frame import plain
from cencomm_client.cli.output import Output, fill
from cencomm_client.cli.run import DEFAULT_VAULT, VaultPath
from cencomm_client.code_lists import CodeLists, ListInvalid
from cencomm_client.form_library import FormLibrary, data_folder, read_set

forms = typer.Typer(no_args_is_help=True, help="The forms that messages are.")
lists = typer.Typer(no_args_is_help=True, help="Code lists that a person imports.")

SetFile = Annotated[
    Path | None,
    typer.Option("--set", metavar="FILE", help="An operation's set instead of the base set."),
]
Code = Annotated[str, typer.Argument(metavar="CODE", help="Such as WRN or SZR.")]
ListName = Annotated[str, typer.Argument(metavar="LIST", help="locode, hs; find: countries too.")]
_SMALL = {"country": "iso3166", "currency": "iso4217", "language": "iso639"}


@plain(forms, "list")
async def list_forms(
    output: Output,
    set_file: SetFile = None,
) -> None:
    """List the forms with their titles and versions."""
    chosen = chosen_set(set_file)
    found = [chosen.form(code) for code in chosen.codes]
    output.table(
        ("code", "form", "version", "fields"),
        [
            (
                form.code,
                form.root.label(output.language),
                str(form.version),
                str(sum(1 for _ in form.root.walk())),
            )
            for form in found
        ],
    )
    output.document(
        {
            "set": chosen.name,
            "hash": chosen.hash,
            "forms": [
                {"code": form.code, "title": form.root.labels, "version": form.version}
                for form in found
            ],
        }
    )


@plain(forms, "show")
async def show_form(
    output: Output,
    code: Code,
    schema: Annotated[
        bool, typer.Option("--schema", help="The whole JSON Schema, for other programs.")
    ] = False,
    set_file: SetFile = None,
) -> None:
    """Show all fields of a form: label, what it takes, whether it is required or personal."""
    form = chosen_set(set_file).form(code.upper())
    if schema:
        output.line(form.schema)
        return
    output.say(f"{form.code}  {form.root.label(output.language)}", style="bold")
    output.table(
        ("field", "label", "takes", "marks"),
        list(_rows(form.root, output)),
    )
    output.document({"code": form.code, "schema": form.schema})


@plain(forms, "check")
async def check_form(
    output: Output,
    code: Code,
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON; - is standard input.")],
    set_file: SetFile = None,
) -> None:
    """Check a filled form without sealing it; all wrong fields at once."""
    form = chosen_set(set_file).form(code.upper())
    content = await asyncio.to_thread(filled_content, form, file, output)
    form.require(content)
    output.say(output.text("cli_form_right"))
    output.document({"code": form.code, "content": content})


@plain(forms, "hash")
async def hash_set(
    output: Output,
    set_file: SetFile = None,
) -> None:
    """Show the hash of a set, as an operation's genesis names it."""
    chosen = chosen_set(set_file)
    output.say(chosen.hash.hex())
    output.document({"set": chosen.name, "hash": chosen.hash})


@plain(forms, "keep")
async def keep_set(
    output: Output,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The operation's set (JSON).")],
    vault: VaultPath = DEFAULT_VAULT,
) -> None:
    """Keep an operation's set on this device, beside its vault."""
    document = await asyncio.to_thread(bytes_of, file)
    made = FormLibrary(data_folder(vault)).keep(document)
    output.say(fill(output.text("cli_set_kept"), name=made.name, hash=made.hash.hex()))
    output.document({"set": made.name, "hash": made.hash})


@plain(lists, "import")
async def import_list(
    output: Output,
    name: ListName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The official CSV files.")],
    vault: VaultPath = DEFAULT_VAULT,
) -> None:
    """Import UN/LOCODE (its CSV parts) or the HS (a CSV); names the rows that are not right."""
    made = await asyncio.to_thread(CodeLists(data_folder(vault)).install, name, files)
    told = {"list": made.name, "count": made.count, "version": made.version}
    output.say(fill(output.text("cli_list_imported"), **told))
    if made.bad_count:
        output.say(fill(output.text("cli_list_bad"), count=made.bad_count), style="yellow")
    for row in made.bad:
        output.note(row)
    output.document({**told, "bad": list(made.bad), "bad_count": made.bad_count})


@plain(lists, "find")
async def find_code(
    output: Output,
    name: ListName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Part of a name, or of a code.")],
    vault: VaultPath = DEFAULT_VAULT,
) -> None:
    """Find codes by name: locode, hs, country, currency, language."""
    found = _found(CodeLists(data_folder(vault)), name, text, output.language)
    if not found:
        output.say(output.text("cli_nothing_found"))
    output.table(("code", "name"), found)
    output.document({"list": name, "found": [{"code": c, "name": n} for c, n in found]})


def chosen_set(file: Path | None) -> FormSet:
    """The base set, or the one that a file makes of it; raises FormSetInvalid, InputInvalid."""
    return base_set() if file is None else read_set(bytes_of(file))


def _found(lists_here: CodeLists, name: str, text: str, language: str) -> list[tuple[str, str]]:
    small = code_lists.named(_SMALL.get(name, name), language)
    if small is None:
        return [(entry.code, entry.name) for entry in lists_here.find(name, text)]
    wanted = text.casefold()
    if not wanted:
        raise ListInvalid("TEXT: part of a name or a code expected")
    return [
        row for row in small.items() if wanted in row[1].casefold() or wanted == row[0].casefold()
    ]


def _rows(field: Field, output: Output, depth: int = 0) -> Iterator[tuple[str, str, str, str]]:
    below = field.row.fields if field.row is not None else field.fields
    for name, part in below.items():
        marks = [output.text("label_required")] if part.required else []
        marks += [output.text("label_nominal")] if part.nominal else []
        yield (
            "  " * depth + name,
            part.label(output.language),
            _takes(part, output),
            ", ".join(marks),
        )
        yield from _rows(part, output, depth + 1)


def _takes(field: Field, output: Output) -> str:
    if field.kind is Kind.ROWS and field.row is not None:
        least, most = field.schema.get("minItems", 0), field.schema["maxItems"]
        rows = f"{least}-{most} x"
        inner = field.row
        return rows if inner.kind is Kind.PART else f"{rows} {_takes(inner, output)}"
    if field.kind is Kind.CHOICE:
        return " | ".join(field.schema["enum"])
    if field.kind is Kind.CODE:
        return str(field.format)
    if field.kind is Kind.TEXT:
        return f"{output.text('label_text')} ≤ {field.schema['maxLength']}"
    if field.kind is Kind.WHOLE:
        return f"{field.schema['minimum']} - {field.schema['maximum']}"
    return output.text(f"label_{field.kind}")
