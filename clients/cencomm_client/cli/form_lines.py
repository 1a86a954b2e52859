"""A form as a line for people: labels and values in their language, in the form's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from cencomm_config.display import shown
from cencomm_config.forms import Form, FormSet
from cencomm_config.forms.fields import Field, Kind
from cencomm_config.forms.typed import told_time

from cencomm_client.cli.output import Output

SHORT_LEAF = 8  # hex digits of an entry's hash that a line shows


def form_line(
    form: Form, content: Mapping[str, Any], output: Output, zone: tzinfo | None = None
) -> str:
    """A right content as one harmless line; a message is its text."""
    if set(content) == {"text"}:
        return shown(str(content["text"]))
    return "; ".join(_told(form.root, content, output, zone))


def times_told(fields: Mapping[str, Any], forms: FormSet) -> dict[str, Any]:
    """Changed fields of a correction with their times in words. A line does not know what is
    corrected: a field is a time where every form that has all of them says so."""
    roots = [forms.form(code).root for code in forms.codes]
    fitting = [root for root in roots if all(name in root.fields for name in fields)]
    return {
        name: _times_told([root.fields[name] for root in fitting], value)
        for name, value in fields.items()
    }


def _times_told(fields: Sequence[Field], value: Any) -> Any:
    if not fields:
        return value
    if isinstance(value, Mapping):
        return {
            name: _times_told([one.fields[name] for one in fields if name in one.fields], item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        rows = [one.row for one in fields if one.row is not None]
        return [_times_told(rows, item) for item in value]
    times = type(value) is int and all(one.kind is Kind.TIME for one in fields)
    return told_time(value) if times else value


def _told(
    field: Field, content: Mapping[str, Any], output: Output, zone: tzinfo | None
) -> Iterator[str]:
    for name, below in field.fields.items():
        if name in content:
            label = shown(below.label(output.language))
            yield f"{label}: {_value(below, content[name], output, zone)}"


def _value(field: Field, value: Any, output: Output, zone: tzinfo | None) -> str:
    match field.kind:
        case Kind.PART:
            return f"({', '.join(_told(field, value, output, zone))})"
        case Kind.ROWS if field.row is not None:
            rows = [_value(field.row, item, output, zone) for item in value]
            return " ".join(rows) if field.row.kind is Kind.PART else ", ".join(rows)
        case Kind.CHOICE:
            return shown(field.choices(output.language).get(value, value))
        case Kind.FLAG:
            return output.text("label_yes" if value else "label_no")
        case Kind.TIME:
            return told_time(value, zone)
        case Kind.LEAF:
            return str(value.hex()[:SHORT_LEAF])
        case Kind.ANY:
            return ", ".join(f"{shown(str(name))}={_plain(item)}" for name, item in value.items())
    return shown(str(value))


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else shown(str(value))
