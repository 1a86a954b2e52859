"""Why a field is wrong that alone would be right: which other field makes it so.

Read from the rule of the schema that complained: the condition beside its `then` or `else`, or the
fields that ask for others. What no rule of this kind says is None: the field speaks for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cencomm_config.catalog import sentence
from cencomm_config.forms.errors import Expected
from cencomm_config.forms.fields import LANGUAGES, Field

Steps = Sequence[str | int]
AS_SEEN = "as_seen"  # says of a group that its numbers were read so: lifts their checks
_BRANCHES = ("then", "else")


def since_of(root: Field, keyword: Steps, instance: Steps, content: Any) -> Expected | None:
    """The sentence that names the other field and what it says.

    `keyword` is where the complaint stands in the schema, `instance` the value that it is about;
    `content` what was checked.
    """
    at = next((n for n in reversed(range(len(keyword))) if keyword[n] in _BRANCHES), None)
    if at is not None:
        condition = _below(root.schema, keyword[:at]).get("if", {})
        group = list(instance)[: len(instance) - _depth(keyword[at + 1 :])]
        said = _below(content, group)
        return _condition(root, group, condition, said, met=keyword[at] == "then")
    if keyword and keyword[-1] == "dependentRequired":
        there = _below(content, instance)
        asking = [name for name in _below(root.schema, keyword) if name in there]
        return _told("given", root, [*instance, asking[0]]) if asking else None
    return None


def _condition(
    root: Field, group: Steps, condition: Mapping[str, Any], said: Mapping[str, Any], *, met: bool
) -> Expected:
    """What the condition of a rule looks at; all of ours look at one field. `said` is its group."""
    names = [*condition.get("properties", {}), *condition.get("required", ())]
    name = names[0]
    asked = condition.get("properties", {}).get(name)
    steps = [*group, name]
    if asked is None:
        return _told("given" if met else "missing", root, steps)
    asked = asked.get("contains", asked)
    value = said.get(name) if met and "enum" in asked else asked.get("const")
    return _told("says" if met else "differs", root, steps, value)


def _told(what: str, root: Field, steps: Steps, value: object = None) -> Expected:
    field: Field | None = root
    for step in steps:
        field = None if field is None else field.at(step)
    labels = {"en": str(steps[-1])} if field is None else field.labels
    values: dict[str, object] = {"other": tuple(steps), "label": labels}
    if what == "differs" and steps[-1] == AS_SEEN:
        return Expected("field_since_as_seen", values)
    if value is True:
        values["value"] = {language: sentence("label_yes", language) for language in LANGUAGES}
    elif value is not None:
        values["value"] = str(value) if field is None else field.named([value])
    return Expected(f"field_since_{what}", values)


def _below(value: Any, steps: Steps) -> Any:
    for step in steps:
        value = value[step]
    return value


def _depth(keyword: Steps) -> int:
    """How far below its rule's group a complaint stands: one for each field named on the way."""
    return sum(step == "properties" for step in keyword)
