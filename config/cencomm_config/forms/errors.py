"""What is wrong with a form: every field at once, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cencomm_crypto.errors import CencommError

from cencomm_config.catalog import DEFAULT_LANGUAGE, sentence

MOST_READ = 80  # characters of a wrong value that an error repeats


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected instead: a sentence of the catalogue and what goes into it.

    `choices` is (value, labels by language) where one of a few is expected.
    """

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str = DEFAULT_LANGUAGE) -> str:
        """The sentence."""
        return sentence(self.code, language).format(**self.values)


class WrongValue(ValueError):
    """Raised by a check of one value; `expected` says what would be right."""

    def __init__(self, code: str, **values: object) -> None:
        self.expected = Expected(code, values)
        super().__init__(self.expected.text())


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it stands (`("goods", 0, "hs")`), what was read, what is expected.

    `labels` is the label by language; `read` None where there was nothing.
    """

    steps: tuple[str | int, ...]
    labels: Mapping[str, str]
    read: str | None
    expected: Expected

    @property
    def path(self) -> str:
        """Its path as people write it: `goods[0].hs`."""
        return spelled(self.steps)

    def label(self, language: str = DEFAULT_LANGUAGE) -> str:
        """The field's label."""
        return self.labels.get(language) or self.labels[DEFAULT_LANGUAGE]

    def text(self, language: str = DEFAULT_LANGUAGE) -> str:
        """What is wrong, in two sentences; hold it through `shown`, the value is foreign."""
        code = "field_missing" if self.read is None else "field_read"
        told = sentence(code, language).format(
            path=self.path, label=self.label(language), read=self.read
        )
        return f"{told} {self.expected.text(language)}"

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
    """A wrong value as an error repeats it."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= MOST_READ else text[: MOST_READ - 1] + "…"
