"""The fields of a form as a tree: labels, kinds and marks, read once from its schema.

Prompts, error sentences, normal forms and the page docs/forms.md all come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cencomm_config.forms.errors import Expected

LANGUAGES = ("en", "fr")
EXAMPLE_TIME = "2026-03-01 14:30+01:00"


class Kind(StrEnum):
    """What a field holds in the sealed content."""

    TEXT = "text"
    CODE = "code"  # text with a format: an identifier, a code of a list, an amount
    CHOICE = "choice"
    WHOLE = "whole"
    FLAG = "flag"
    TIME = "time"  # UTC milliseconds
    LEAF = "leaf"  # 32 bytes
    PART = "part"  # a group of fields
    ROWS = "rows"
    ANY = "any"  # values of another form's fields (a correction)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its path without row numbers (`goods[].hs`), its schema, what is below it.

    `format` names the check of identifiers; with `lenient` the flag `as_seen` beside it lifts it.
    """

    path: str
    schema: Mapping[str, Any]
    kind: Kind
    required: bool
    format: str | None
    lenient: bool
    fields: Mapping[str, Field]
    row: Field | None
    leafy: tuple[str, ...] = ()  # the fields that hold leaf hashes, or have some below

    @property
    def labels(self) -> dict[str, str]:
        """The label by language."""
        return {"en": self.schema["title"], "fr": self.schema["x-fr"]}

    @property
    def nominal(self) -> bool:
        """Whether it is personal data or the identity of a conveyance."""
        return bool(self.schema.get("nominal", False))

    def label(self, language: str) -> str:
        """Its label."""
        return self.labels.get(language) or self.labels["en"]

    def choices(self, language: str) -> dict[str, str]:
        """Value to label of a choice."""
        labels = self.schema.get("x-labels", {})
        return {
            value: labels.get(value, {}).get(language) or labels.get(value, {}).get("en", value)
            for value in self.schema.get("enum", ())
        }

    def named(self, values: Iterable[object]) -> dict[str, str]:
        """Some of its choices as a text by language: each with its label where that says more."""
        return {
            language: ", ".join(
                _labelled(value, self.choices(language).get(str(value), "")) for value in values
            )
            for language in LANGUAGES
        }

    def expected(self) -> Expected:
        """What the field takes."""
        schema = self.schema
        match self.kind:
            case Kind.CHOICE:
                return Expected("field_choice", {"choices": self.named(schema["enum"])})
            case Kind.WHOLE:
                bounds = {"least": schema["minimum"], "most": schema["maximum"]}
                return Expected("field_whole", bounds)
            case Kind.FLAG:
                return Expected("field_flag")
            case Kind.TIME:
                return Expected("field_time", {"example": EXAMPLE_TIME})
            case Kind.LEAF:
                return Expected("field_leaf")
            case Kind.PART if schema.get("maxProperties") == 1:
                return Expected("field_one_of", {"fields": ", ".join(self.fields)})
            case Kind.PART | Kind.ANY:
                return Expected("field_part")
            case Kind.ROWS:
                bounds = {"least": schema.get("minItems", 0), "most": schema["maxItems"]}
                return Expected("field_rows" if bounds["least"] else "field_rows_most", bounds)
            case Kind.CODE:
                return Expected(f"field_{self.format}")
        return Expected("field_text", {"most": schema["maxLength"]})

    def at(self, name: str | int) -> Field | None:
        """The field below: by name, or any row."""
        return self.row if isinstance(name, int) else self.fields.get(name)

    def walk(self) -> Iterator[Field]:
        """Every field below, in the form's order, groups before what they hold."""
        for below in self.fields.values():
            yield below
            yield from below.walk()
        if self.row is not None:
            yield from self.row.walk()


def tree(schema: Mapping[str, Any], path: str = "", *, required: bool = True) -> Field:
    """The tree of a schema without references."""
    form = schema.get("format") or schema.get("x-format")
    kind = _kind(schema, form)
    needed = schema.get("required", ())
    below: dict[str, Field] = {}
    if kind is Kind.PART:
        for name, part in schema["properties"].items():
            inner = f"{path}.{name}" if path else name
            below[name] = tree(part, inner, required=name in needed)
    return Field(
        path=path,
        schema=schema,
        kind=kind,
        required=required,
        format=form,
        lenient="x-format" in schema,
        fields=below,
        row=tree(schema["items"], f"{path}[]") if kind is Kind.ROWS else None,
        leafy=tuple(name for name, field in below.items() if _holds_leaves(field)),
    )


def _holds_leaves(field: Field) -> bool:
    if field.kind in (Kind.LEAF, Kind.ANY):
        return True
    return bool(field.leafy) or (field.row is not None and _holds_leaves(field.row))


def _kind(schema: Mapping[str, Any], form: str | None) -> Kind:
    match schema["type"]:
        case "object":
            return Kind.PART if "properties" in schema else Kind.ANY
        case "array":
            return Kind.ROWS
        case "boolean":
            return Kind.FLAG
        case "integer":
            return Kind.TIME if form == "utc-ms" else Kind.WHOLE
    if "enum" in schema:
        return Kind.CHOICE
    if form == "leaf":
        return Kind.LEAF
    return Kind.TEXT if form is None else Kind.CODE


def _labelled(value: object, label: str) -> str:
    """`covert_check`, but `KGM (kilogram)`; a label that starts with its value says both."""
    text = str(value)
    plain = label.casefold().replace(" ", "_").replace("-", "_")
    if plain in ("", text.casefold()) or label.endswith(f" {text}"):
        return text
    says_both = label.startswith((f"{text}: ", f"{text} "))
    return label if says_both else f"{text} ({label})"
