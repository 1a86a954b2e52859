"""What is wrong with a form: every field at once, in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cencomm_crypto.errors import CencommError

from cencomm_config.catalog import DEFAULT_LANGUAGE, sentence
from cencomm_config.display import shown

MOST_READ = 80  # characters of a wrong value that an error repeats
Display = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected instead: a sentence of the catalogue and what goes into it.

    A value that is a mapping is a text by language, one that is a tuple the steps of a path.
    """

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str = DEFAULT_LANGUAGE, display: Display = str) -> str:
        """The sentence; each value through `display`."""
        return sentence(self.code, language).format(
            **{name: _spoken(value, language, display) for name, value in self.values.items()}
        )


class WrongValue(ValueError):
    """Raised by a check of one value; `expected` says what would be right."""

    def __init__(self, code: str, **values: object) -> None:
        self.expected = Expected(code, values)
        super().__init__(self.expected.text())


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it stands (`("goods", 0, "hs")`), what was read, what is expected.

    `labels` is the label by language; `read` None where there was nothing. `since` says more where
    the two do not explain it: which other field makes it so, how long it is.
    """

    steps: tuple[str | int, ...]
    labels: Mapping[str, str]
    read: str | None
    expected: Expected
    since: Expected | None = None

    @property
    def path(self) -> str:
        """Its path as people write it: `goods[0].hs`."""
        return spelled(self.steps)

    def label(self, language: str = DEFAULT_LANGUAGE) -> str:
        """The field's label."""
        return self.labels.get(language) or self.labels[DEFAULT_LANGUAGE]

    def wanted(self, language: str = DEFAULT_LANGUAGE, display: Display = str) -> str:
        """What is expected, and why where that needs saying."""
        sentences = (self.expected, *(() if self.since is None else (self.since,)))
        return " ".join(one.text(language, display) for one in sentences)

    def text(self, language: str = DEFAULT_LANGUAGE) -> str:
        """What is wrong, in a few sentences; hold it through `shown`, the value is foreign."""
        return self._text(language, self.path, str)

    def shown(self, language: str = DEFAULT_LANGUAGE) -> str:
        """`text` for a screen: all that is foreign through `shown`, row numbers in brackets as
        they are written in a file."""
        return self._text(language, _spoken(self.steps, language, shown), shown)

    def _text(self, language: str, path: str, display: Display) -> str:
        code = "field_missing" if self.read is None else "field_read"
        told = sentence(code, language).format(
            path=path, label=display(self.label(language)), read=display(self.read or "")
        )
        return f"{told} {self.wanted(language, display)}"

    def __str__(self) -> str:
        return self.text()


class FormInvalid(CencommError):
    """A form with wrong fields; `errors` lists them all, in the order of the form."""

    code = "form_invalid"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(" ".join(map(str, errors)))
        self.errors = errors


class FormSetInvalid(CencommError):
    """An operation's form set that is no narrowing of the base set; says where and why."""

    code = "form_set_invalid"


def spelled(path: Sequence[str | int]) -> str:
    """`goods[0].hs` of ("goods", 0, "hs"); the form itself is "form"."""
    text = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path)
    return text.removeprefix(".") or "form"


def read_text(value: object) -> str:
    """A wrong value as an error repeats it; groups, rows and yes or no as a file spells them."""
    if isinstance(value, bytes):
        text = value.hex()
    elif isinstance(value, Mapping | list | tuple | bool):
        text = json.dumps(value, ensure_ascii=False, default=_spelled_bytes)
    else:
        text = str(value)
    return text if len(text) <= MOST_READ else text[: MOST_READ - 1] + "…"


def _spelled_bytes(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _spoken(value: object, language: str, display: Display) -> str:
    if isinstance(value, tuple):
        return spelled([name if isinstance(name, int) else display(name) for name in value])
    if isinstance(value, Mapping):
        value = value.get(language) or value[DEFAULT_LANGUAGE]
    return display(str(value))
