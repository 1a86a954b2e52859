"""Narrowing one form's schema: an operation's rules, prefilled values and labels.

    {"require": ["deadline", "goods[].hs"], "choices": {"subject": ["container", "vessel"]},
     "max_length": {"remarks": 500}, "max_items": {"goods": 10},
     "prefill": {"action": "control"}, "relabel": {"remarks": {"en": "Notes", "fr": "Notes"}}}

Each takes away only; FormSetInvalid names what would widen, or is not there. Texts show what they
are (A51). The document lies unsealed beside each vault: personal data are never filled in by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from cencomm_config.display import is_plain
from cencomm_config.forms.errors import FormSetInvalid
from cencomm_config.forms.fields import LANGUAGES, tree
from cencomm_config.forms.form import Form

Schema = dict[str, Any]
MAX_LABEL = 100


def narrowed(code: str, schema: Schema, rules: Any) -> Schema:
    """A narrowed copy of the schema."""
    if not isinstance(rules, Mapping):
        raise FormSetInvalid(f"{code}: a JSON object expected")
    made = deepcopy(schema)
    for name, rule in rules.items():
        if name == "require":
            for path in _listed(f"{code}.require", rule):
                _require(made, f"{code}.require", path)
            continue
        apply = _RULES.get(name)
        if apply is None:
            known = ", ".join(["require", *_RULES])
            raise FormSetInvalid(f"{code}.{name}: read, one of {known} expected")
        if not isinstance(rule, Mapping):
            raise FormSetInvalid(f"{code}.{name}: a JSON object of field paths expected")
        for path, value in rule.items():
            where = f"{code}.{name}.{path}"
            apply(_field(made, where, path), value, where)
    _check_prefilled(code, made, rules.get("prefill", {}))
    return made


def _require(schema: Schema, where: str, path: str) -> None:
    _field(schema, where, path)
    parent, _, name = path.rpartition(".")
    owner = _field(schema, where, parent) if parent else schema
    if name.endswith("[]"):
        raise FormSetInvalid(f"{where}: {path!r} read, a named field expected")
    owner["required"] = [*owner.get("required", ()), *({name} - set(owner.get("required", ())))]
    most = owner.get("maxProperties", len(owner["required"]))
    if len(owner["required"]) > most:  # of fields of which one is given: nobody could fill it in
        fields = ", ".join(owner["properties"])
        raise FormSetInvalid(f"{where}: at most {most} of {fields} expected")


def _choices(field: Schema, value: Any, where: str) -> None:
    allowed = field.get("enum")
    if allowed is None:
        raise FormSetInvalid(f"{where}: only a field with choices takes fewer choices")
    wanted = _listed(where, value)
    wider = [one for one in wanted if one not in allowed]
    if wider or not wanted:
        read = ", ".join(wider) or "nothing"
        raise FormSetInvalid(f"{where}: {read} read, some of {', '.join(allowed)} expected")
    field["enum"] = [one for one in allowed if one in wanted]
    labels = field.get("x-labels", {})
    field["x-labels"] = {one: labels[one] for one in field["enum"] if one in labels}


def _at_most(keyword: str) -> Callable[[Schema, Any, str], None]:
    def apply(field: Schema, value: Any, where: str) -> None:
        most = field.get(keyword)
        if most is None:
            raise FormSetInvalid(f"{where}: the field has no {keyword} to lower")
        least = field.get(keyword.replace("max", "min"), 0)
        if type(value) is not int or not least <= value <= most:
            raise FormSetInvalid(
                f"{where}: {value!r} read, a whole number from {least} to {most} expected"
            )
        field[keyword] = value

    return apply


def _prefill(field: Schema, value: Any, where: str) -> None:
    if field["type"] in ("object", "array"):
        raise FormSetInvalid(f"{where}: a single field is prefilled, not a group or rows")
    if isinstance(value, str) and not is_plain(value):
        raise FormSetInvalid(f"{where}: a text of visible characters expected")
    field["default"] = value  # held against the whole form below


def _relabel(field: Schema, value: Any, where: str) -> None:
    fits = isinstance(value, Mapping) and set(value) <= set(LANGUAGES) and "en" in value
    if not fits or not all(
        isinstance(label, str) and 0 < len(label) <= MAX_LABEL and is_plain(label)
        for label in value.values()
    ):
        raise FormSetInvalid(
            f"{where}: labels by language expected, en always, each of 1 to {MAX_LABEL} visible"
            " characters"
        )
    field["title"] = value["en"]
    field["x-fr"] = value.get("fr", value["en"])


_RULES: Mapping[str, Callable[[Schema, Any, str], None]] = {
    "choices": _choices,
    "max_length": _at_most("maxLength"),
    "max_items": _at_most("maxItems"),
    "prefill": _prefill,
    "relabel": _relabel,
}


def _check_prefilled(code: str, schema: Schema, prefill: Mapping[str, Any]) -> None:
    """Refuse a value that its own field would refuse."""
    for path in prefill:
        if _is_nominal(schema, path):
            where = f"{code}.prefill.{path}"
            raise FormSetInvalid(f"{where}: personal data are not filled in beforehand")
        content: Any = None
        field = _field(schema, f"{code}.prefill.{path}", path)
        content = field["default"]
        for name in reversed(path.split(".")):
            content = {name.removesuffix("[]"): content}
            if name.endswith("[]"):
                inner = content[name.removesuffix("[]")]
                content = {name.removesuffix("[]"): [inner]}
        wrong = {
            error.path.replace("[0]", "[]"): error for error in Form(code, schema).check(content)
        }
        if path in wrong:
            raise FormSetInvalid(f"{code}.prefill.{path}: {wrong[path].text()}")


def _is_nominal(schema: Schema, path: str) -> bool:
    """Whether a field, or a group that it is in, is marked as personal data."""
    field = tree(schema)
    for step in path.split("."):
        field = field.fields[step.removesuffix("[]")]
        if field.nominal:
            return True
        if step.endswith("[]") and field.row is not None:
            field = field.row
            if field.nominal:
                return True
    return False


def _field(schema: Schema, where: str, path: str) -> Schema:
    """The schema at `goods[].hs`."""
    found: Any = schema
    for step in path.split("."):
        name = step.removesuffix("[]")
        found = found.get("properties", {}).get(name)
        if found is not None and step.endswith("[]"):
            found = found.get("items")
        if found is None:
            raise FormSetInvalid(f"{where}: the form has no field {path!r}")
    made: Schema = found
    return made


def _listed(where: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise FormSetInvalid(f"{where}: a list of texts expected")
    return value
