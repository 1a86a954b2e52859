"""One form: checks a message's content against its schema, and gives it its normal form.

The content is what the payload holds (PROTOCOL 8.5): texts, whole numbers, leaf hashes as bytes.
The schema speaks of its JSON twin, in which those are hex; so a browser checks with the same file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import jsonschema_rs

from cencomm_config.forms import identifiers
from cencomm_config.forms.errors import Expected, FieldError, FormInvalid, WrongValue, read_text
from cencomm_config.forms.fields import Field, Kind, tree
from cencomm_config.forms.iso8601 import skipped
from cencomm_config.forms.since import AS_SEEN, since_of

_PATTERNED = ("decimal", "hs", "leaf")  # the schema's pattern says all: no call back from Rust
_FORMATS = {
    name: identifiers.is_normal(check)
    for name, check in identifiers.CHECKS.items()
    if name not in _PATTERNED
}
_ROW = re.compile(r"\[[0-9]+\]")
_NEVER = 0.5  # what no schema here takes: stands for a value of the wrong side of the twin


class Form:
    """A form of a set, compiled once."""

    def __init__(self, code: str, schema: dict[str, Any]) -> None:
        self.code = code
        self.schema = schema
        self.root = tree(schema)
        self._places = {field.path: place for place, field in enumerate(self.root.walk())}
        self._validator = jsonschema_rs.Draft202012Validator(
            schema, formats=_FORMATS, validate_formats=True
        )

    @property
    def version(self) -> int:
        """Its version: what its schema's id ends with."""
        return int(str(self.schema["$id"]).rpartition(":")[2])

    def check(self, content: Mapping[str, Any]) -> tuple[FieldError, ...]:
        """Every wrong field of a content, in the order of the form; empty if it is right."""
        try:
            if self._validator.is_valid(_hasty_twin(dict(content), self.root)):
                return ()
        except ValueError:
            pass  # a value that JSON does not have: named below
        twin = _twin(dict(content), self.root)
        found: dict[str, FieldError] = {}
        for error in self._validator.iter_errors(twin):
            for wrong in _explained(error, self.root, content):
                found.setdefault(wrong.path, wrong)
        return tuple(sorted(found.values(), key=lambda wrong: self._place(wrong.path)))

    def _place(self, path: str) -> int:
        """Where the form has this field; what it has not comes last."""
        own = _ROW.sub("[]", path)  # of a row that is no group, the place of its list
        return self._places.get(own, self._places.get(own.removesuffix("[]"), len(self._places)))

    def require(self, content: Mapping[str, Any]) -> None:
        """Raise FormInvalid with every wrong field."""
        errors = self.check(content)
        if errors:
            raise FormInvalid(errors)

    def normal(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A copy with texts trimmed in NFC and identifiers in normal form; wrong ones stay."""
        made: dict[str, Any] = _normal(dict(content), self.root, as_seen=False)
        return made


def _hasty_twin(value: Any, field: Field) -> Any:
    """The twin, copied only where leaf hashes may be: the rest is checked as it is."""
    if type(value) is dict:
        there = [name for name in field.leafy if name in value]
        if not there:
            return value
        return {**value, **{name: _hasty_twin(value[name], field.fields[name]) for name in there}}
    if field.row is not None and type(value) is list:
        return [_hasty_twin(item, field.row) for item in value]
    return _twin(value, field)


def _twin(value: Any, field: Field | None) -> Any:
    """The JSON twin of a content; what has none becomes `_NEVER`."""
    if isinstance(value, dict):
        if field is None or field.kind is Kind.ANY:
            return {_named(name): _twin(item, None) for name, item in value.items()}
        fields = field.fields
        return {_named(name): _twin(item, fields.get(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        row = None if field is None else field.row
        return [_twin(item, row) for item in value]
    if isinstance(value, bytes):
        free = field is None or field.kind is Kind.LEAF
        return value.hex() if free else _NEVER
    if field is not None and field.kind is Kind.LEAF:
        return _NEVER
    if isinstance(value, str):
        return value if _named(value) == value else _NEVER
    return value if isinstance(value, int) else _NEVER


def _named(name: object) -> str:
    """A text without lone surrogates, which a JSON file may spell and UTF-8 does not have."""
    return str(name).encode("utf-8", "replace").decode("utf-8")


def _normal(value: Any, field: Field | None, *, as_seen: bool) -> Any:
    if isinstance(value, dict):
        seen = value.get(AS_SEEN) is True
        below = {} if field is None else field.fields
        return {name: _normal(item, below.get(name), as_seen=seen) for name, item in value.items()}
    if isinstance(value, list | tuple):
        row = None if field is None else field.row
        return [_normal(item, row, as_seen=as_seen) for item in value]
    if not isinstance(value, str):
        return value
    text = (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()
    if field is None or field.format not in identifiers.CHECKS or (field.lenient and as_seen):
        return text
    try:
        return identifiers.CHECKS[field.format](text)
    except WrongValue:
        return text  # the check names it, with what is expected


def _explained(
    error: jsonschema_rs.ValidationError, root: Field, content: Mapping[str, Any]
) -> list[FieldError]:
    """What one complaint of the validator means, field by field."""
    path: list[str | int] = list(error.instance_path)
    kind = error.kind
    since = since_of(root, error.schema_path, path, content)
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        missing = _field_error([*path, str(kind.property)], root, content)
        return [replace(missing, since=since)]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        group = _field_at(path, root)
        return [
            _field_error([*path, name], root, content, _unknown(name, group))
            for name in kind.unexpected
        ]
    expected: Expected | None = None
    if isinstance(kind, _PATTERN | jsonschema_rs.ValidationErrorKind.Format):
        expected = _expected_by(_field_at(path, root), error.instance)
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Enum):
        choices = _field_at(path, root)
        named: object = ", ".join(map(str, kind.options))
        named = named if choices is None else choices.named(kind.options)
        expected = Expected("field_choice", {"choices": named})
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.MaxItems):
        expected = Expected("field_rows_most", {"most": kind.limit})
        since = since or _count(error.instance)
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.MaxLength):
        since = _count(error.instance)
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        since = since or _mistyped(_field_at(path, root), error.instance)
    elif isinstance(kind, _MAXIMUM):
        expected = _at_most(_field_at(path, root), kind.limit)
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.UniqueItems):
        expected = Expected("field_unique")
    return [replace(_field_error(path, root, content, expected), since=since)]


_MAXIMUM = jsonschema_rs.ValidationErrorKind.Maximum
_PATTERN = jsonschema_rs.ValidationErrorKind.Pattern


def _count(value: object) -> Expected | None:
    """How many characters or rows there are."""
    if not isinstance(value, str | list):
        return None
    return Expected("field_count", {"count": len(value)})


def _mistyped(field: Field | None, value: object) -> Expected | None:
    """A number where text is expected looks right: in a file it lacks its quotes. So does a time
    that the clocks of its zone skip."""
    if field is not None and field.kind is Kind.TIME and isinstance(value, str):
        return Expected("field_time_skipped") if skipped(value) else None
    text = field is not None and field.kind in (Kind.TEXT, Kind.CODE, Kind.CHOICE)
    return Expected("field_unquoted") if text and isinstance(value, int) else None


def _at_most(field: Field | None, limit: object) -> Expected | None:
    """The field's own bounds say more than its upper one; a rule's has only that."""
    own = field is not None and field.schema.get("maximum") == limit
    return None if own else Expected("field_at_most", {"most": limit})


def _unknown(name: str, group: Field | None) -> Expected:
    """No field of this name; the one that was meant, where one is near."""
    fields = () if group is None else group.fields
    near = get_close_matches(name.casefold(), fields, 1)
    return Expected("field_unknown_near", {"near": near[0]}) if near else Expected("field_unknown")


def _field_at(path: Sequence[str | int], root: Field) -> Field | None:
    field: Field | None = root
    for name in path:
        field = None if field is None else field.at(name)
    return field


def _expected_by(field: Field | None, value: Any) -> Expected | None:
    """What the check of a field's format expects instead of this text."""
    if field is None or field.format not in identifiers.CHECKS or not isinstance(value, str):
        return None
    try:
        normal = identifiers.CHECKS[field.format](value)
    except WrongValue as error:
        return error.expected
    return Expected("field_normal", {"normal": normal})


def _field_error(
    path: Sequence[str | int],
    root: Field,
    content: Mapping[str, Any],
    expected: Expected | None = None,
) -> FieldError:
    field = _field_at(path, root)
    value: Any = content
    there = True
    for name in path:
        if there:
            there, value = _below(value, name)
    labels = {"en": str(path[-1]) if path else "?"} if field is None else field.labels
    if expected is None:
        expected = Expected("field_unknown") if field is None else field.expected()
    given = there and value not in ("", [], {})
    return FieldError(tuple(path), labels, read_text(value) if given else None, expected)


def _below(value: Any, name: str | int) -> tuple[bool, Any]:
    try:
        return True, value[name]
    except (KeyError, IndexError, TypeError):
        return False, None
