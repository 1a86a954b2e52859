"""Filling a form at a terminal: each field is asked for by its label, from the form's schema.

A wrong answer is told at once and asked for again; what only the whole form shows (a reason that
an answer makes necessary) is asked for at the end. Enter skips what is optional, or takes what the
operation's set filled in; `-` leaves that empty. `? ham` searches the list behind a code.
docs/cli.md shows a session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from cencomm_config.display import shown
from cencomm_config.forms import FieldError, Form, FormInvalid, code_lists, schemas
from cencomm_config.forms.fields import Field, Kind
from cencomm_config.forms.identifiers import CHECKS
from cencomm_config.forms.typed import any_field, told_time, typed_value
from rich.text import Text

from cencomm_client.cli.output import Output, fill
from cencomm_client.code_lists import LARGE, CodeLists

Ask = Callable[[str], str]
_SEARCH = "?"
_EMPTY = "-"  # of an optional field that is filled in already: nothing
_AS_SEEN = "as_seen"
_NEVER_ASKED = frozenset({"promotes"})  # a program fills it in
MOST_ROUNDS = 5  # of asking again for what the whole form lacks


class Prompts:
    """One person filling one form."""

    def __init__(
        self,
        form: Form,
        output: Output,
        ask: Ask,
        lists: CodeLists,
        zone: tzinfo | None = None,
    ) -> None:
        """`ask` shows its text and gives a line; EOFError ends the filling."""
        self._form, self._output, self._ask = form, output, ask
        self._lists, self._zone = lists, zone
        self._handling = frozenset(schemas.envelope_fields())

    def fill(self) -> dict[str, Any]:
        """Ask for every field; the checked content. Raises FormInvalid, EOFError."""
        self._say("cli_form", code=self._form.code, title=self._form.root.label(self._language))
        for name in sorted({field.format or "" for field in self._form.root.walk()} & LARGE):
            if not self._lists.there(name):
                self._say("cli_no_list", list=name)
        content: dict[str, Any] = {}
        fields = self._form.root.fields
        own = {name: field for name, field in fields.items() if name not in self._handling}
        self._part(own, content, content)
        if self._yes("label_ask_handling"):
            handling = {name: fields[name] for name in self._handling_asked()}
            self._part(handling, content, content)
        return self._completed(content)

    def one(self, path: str, *, needed: bool = True) -> Any:
        """Ask for the single field at `path`; None where it was skipped. Raises EOFError."""
        field = next(field for field in self._form.root.walk() if field.path == path)
        return self._single(field, needed=needed, as_seen=False)

    def _handling_asked(self) -> list[str]:
        return [name for name in schemas.envelope_fields() if name not in _NEVER_ASKED]

    def _completed(self, content: dict[str, Any]) -> dict[str, Any]:
        """Ask again for what the whole form finds wrong."""
        for _ in range(MOST_ROUNDS):
            made = self._form.normal(content)
            errors = self._form.check(made)
            if not errors:
                return made
            for error in errors:
                self._wrong(error)
            for name in dict.fromkeys(_first(error.path) for error in errors):
                field = self._form.root.fields.get(name)
                content.pop(name, None)
                if field is not None:
                    self._field(field, content, content, needed=self._lacks(content, name))
        raise FormInvalid(self._form.check(self._form.normal(content)))

    def _lacks(self, content: dict[str, Any], name: str) -> bool:
        """Whether the form is wrong for want of this field: what was too much may stay away."""
        errors = self._form.check(self._form.normal(content))
        return any(_first(error.path) == name for error in errors)

    def _part(
        self, fields: Mapping[str, Field], into: dict[str, Any], whole: dict[str, Any]
    ) -> None:
        """Ask for the fields of a group; `as_seen` first, for it lifts the checks of the others."""
        names = sorted(fields, key=lambda name: name != _AS_SEEN)
        for name in names:
            self._field(fields[name], into, whole, needed=fields[name].required)

    def _field(
        self, field: Field, into: dict[str, Any], whole: dict[str, Any], *, needed: bool
    ) -> None:
        name = field.path.rpartition(".")[2]
        match field.kind:
            case Kind.ROWS:
                rows = self._rows(field, needed=needed)
                if rows:
                    into[name] = rows
            case Kind.PART:
                if needed or self._yes("label_ask_part", field):
                    inner: dict[str, Any] = {}
                    self._part(field.fields, inner, whole)
                    if inner:
                        into[name] = inner
            case Kind.ANY:
                into[name] = self._values(field)
            case _:
                value = self._single(field, needed=needed, as_seen=into.get(_AS_SEEN) is True)
                if value is not None:
                    into[name] = value

    def _rows(self, field: Field, *, needed: bool) -> list[Any]:
        assert field.row is not None  # noqa: S101 - rows have one
        rows: list[Any] = []
        most = field.schema["maxItems"]
        while len(rows) < most:
            if field.row.kind is Kind.PART:
                asked = "label_ask_row" if rows else "label_ask_part"
                if not (needed and not rows) and not self._yes(asked, field.row if rows else field):
                    break
                row: dict[str, Any] = {}
                self._part(field.row.fields, row, row)
                rows.append(row)
                continue
            needs = needed and not rows
            value = self._single(field.row, needed=needs, as_seen=False, number=len(rows) + 1)
            if value is None:
                break
            rows.append(value)
        return rows

    def _values(self, field: Field) -> dict[str, Any]:
        """Field by field of another form: NAME=VALUE, an empty line ends."""
        found: dict[str, Any] = {}
        self._say("cli_name_value")
        while line := self._ask(f"{self._label(field)}: ").strip():
            name, sign, value = line.partition("=")
            if not sign:
                self._say("cli_name_value")
                continue
            known = any_field().get(name.strip())
            typed = value.strip() if known is None else typed_value(known, value, self._zone)
            found[name.strip()] = typed
            if known is not None and known.kind is Kind.TIME:
                self._echo(known, typed)
        return found

    def _single(
        self, field: Field, *, needed: bool, as_seen: bool, number: int | None = None
    ) -> Any:
        """One value; None where it was skipped."""
        choices = field.choices(self._language)
        if choices:
            self._choices(choices)
        label = self._label(field) + ("" if number is None else f" {number}")
        default = field.schema.get("default")
        emptied = default is not None and not needed
        hint = "" if default is None else f" [{self._hint(default, emptied=emptied)}]"
        while True:
            line = self._ask(f"{label}{' *' if needed else ''}{hint}: ").strip()
            if line.startswith(_SEARCH):
                self._search(field, line[1:].strip())
                continue
            if emptied and line == _EMPTY:
                return None
            if not line:
                if default is not None:
                    return default
                if not needed:
                    return None
            value = self._understood(field, line, choices)
            error = self._judged(field, value, as_seen=as_seen)
            if error is None:
                self._echo(field, value)
                return value
            self._say_text(error.expected.text(self._language), "red")

    def _understood(self, field: Field, line: str, choices: Mapping[str, str]) -> Any:
        """A choice by number, value or label; else what the field makes of the text."""
        if choices and line not in choices:
            chosen = _numbered(choices).get(line)
            if chosen is not None:
                return chosen
            for value, label in choices.items():
                if line.casefold() in (value.casefold(), label.casefold()):
                    return value
        return typed_value(field, line, self._zone)

    def _judged(self, field: Field, value: Any, *, as_seen: bool) -> FieldError | None:
        """What the form says of this one value, in an otherwise empty form."""
        inner: Any = value
        steps = field.path.split(".")
        for place, step in enumerate(reversed(steps)):
            rows = step.count("[]")
            for _ in range(rows):
                inner = [inner]
            inner = {step.replace("[]", ""): inner}
            if place == 0 and as_seen and not rows:
                inner[_AS_SEEN] = True
        wanted = field.path.replace("[]", "[0]")
        made = self._form.normal(inner)
        return next((one for one in self._form.check(made) if one.path == wanted), None)

    # -- what is shown ------------------------------------------------------------------------

    @property
    def _language(self) -> str:
        return self._output.language

    def _hint(self, default: Any, *, emptied: bool) -> str:
        """What Enter takes, and how it is left empty."""
        if not emptied:
            return shown(str(default))
        return fill(self._output.text("label_ask_default_or_none"), value=default, empty=_EMPTY)

    def _label(self, field: Field) -> str:
        return shown(field.label(self._language))

    def _choices(self, choices: Mapping[str, str]) -> None:
        rows = (f"{number} {choices[value]}" for number, value in _numbered(choices).items())
        self._say_text("   ".join(map(shown, rows)), "dim")

    def _echo(self, field: Field, value: Any) -> None:
        """A time with the offset that it was understood in; a code with its name."""
        if field.kind is Kind.TIME and isinstance(value, int):
            self._say_text(f"  {told_time(value, self._zone)}", "dim")
        elif field.kind is Kind.CODE and not field.lenient:
            name = self._name(field, value)
            if name:
                self._say_text(f"  {shown(name)}", "dim")

    def _name(self, field: Field, value: str) -> str | None:
        form = field.format or ""
        small = code_lists.named(form, self._language)
        code = CHECKS[form](value)  # it was judged: the check takes it
        if small is not None:
            return small.get(code)
        if form in LARGE and self._lists.there(form):
            return self._lists.name_of(form, code) or self._output.text("label_not_listed")
        return None

    def _search(self, field: Field, text: str) -> None:
        form = field.format or ""
        small = code_lists.named(form, self._language)
        if small is not None:
            found = [
                (code, name)
                for code, name in small.items()
                if text.casefold() in name.casefold() or code.casefold() == text.casefold()
            ][:20]
        elif form in LARGE:
            if not self._lists.there(form):
                self._say("cli_no_list", list=form)
                return
            found = [(entry.code, entry.name) for entry in self._lists.find(form, text)]
        else:
            self._say_text(field.expected().text(self._language), "dim")
            return
        for code, name in found:
            self._say_text(f"   {shown(code)}  {shown(name, max_len=90)}", "dim")
        if not found:
            self._say("cli_nothing_found")

    def _wrong(self, error: FieldError) -> None:
        self._say_text(error.shown(self._language), "red")

    def _yes(self, code: str, field: Field | None = None) -> bool:
        label = "" if field is None else self._label(field)
        yes = self._output.text("label_yes")
        asked = fill(self._output.text(code), label=label)
        answer = self._ask(f"{asked} [{yes[0]}/N]: ").strip().casefold()
        return bool(answer) and answer[0] in ("y", yes[0].casefold())

    def _say(self, code: str, /, **values: object) -> None:
        self._say_text(fill(self._output.text(code), **values), "dim")

    def _say_text(self, text: str, style: str) -> None:
        self._output.console.print(Text(text, style=style))


def _numbered(choices: Mapping[str, str]) -> dict[str, str]:
    """What to type for each value: its place; itself where values are digits, as of a mode."""
    if any(value.isdigit() for value in choices):
        return {value: value for value in choices}
    return {str(place): value for place, value in enumerate(choices, 1)}


def _first(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]
