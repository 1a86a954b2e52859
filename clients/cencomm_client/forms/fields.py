"""Reading one field at a time from a form's content, and collecting every complaint about it.

All errors of a form are gathered before anything is raised: who types a form sees them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cencomm_crypto.errors import CencommError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its path (`goods[0].hs`), what was read, what is expected instead."""

    path: str
    read: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: {self.read!r} read, {self.expected} expected"


class FormInvalid(CencommError):
    """A form with wrong fields; `errors` lists them all, in the order of the form."""

    code = "form_invalid"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


class WrongValue(ValueError):
    """Raised by a check; its text is what was expected."""


class Fields:
    """A cursor over one map of a form; complaints of all nested cursors go into one list."""

    def __init__(self, value: Any, path: str = "", errors: list[FieldError] | None = None) -> None:
        self._path = path
        self.errors: list[FieldError] = [] if errors is None else errors
        self._seen: set[str] = set()
        if isinstance(value, Mapping):
            self._value: Mapping[str, Any] = value
        else:
            self._value = {}
            self.errors.append(FieldError(path or "form", _read(value), "a map of fields"))

    def path(self, name: str) -> str:
        """The full path of a field of this map."""
        return f"{self._path}.{name}" if self._path else name

    def complain(self, name: str, expected: str) -> None:
        """Note that field `name` is wrong."""
        self.errors.append(FieldError(self.path(name), _read(self._value.get(name)), expected))

    def text(self, name: str, check: Callable[[str], str], expected: str = "text") -> str:
        """A required text field in the form that `check` gives it; empty after a complaint."""
        if name not in self._value:
            self._seen.add(name)
            self.complain(name, expected)
            return ""
        return self.optional(name, check, expected) or ""

    def optional(
        self, name: str, check: Callable[[str], str], expected: str = "text"
    ) -> str | None:
        """A text field that may be absent."""
        self._seen.add(name)
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.complain(name, expected)
            return None
        try:
            return check(value)
        except WrongValue as error:
            self.complain(name, str(error))
            return None

    def integer(self, name: str, least: int, most: int) -> int | None:
        """A whole number within bounds that may be absent."""
        self._seen.add(name)
        value = self._value.get(name)
        if value is None:
            return None
        if type(value) is not int or not least <= value <= most:
            self.complain(name, f"a whole number from {least} to {most}")
            return None
        return value

    def flag(self, name: str) -> bool:
        """A yes or no that is no where absent."""
        self._seen.add(name)
        value = self._value.get(name, False)
        if type(value) is not bool:
            self.complain(name, "yes or no")
            return False
        return value

    def octets(self, name: str, size: int) -> bytes | None:
        """A byte string of `size` bytes that may be absent."""
        self._seen.add(name)
        value = self._value.get(name)
        if value is None:
            return None
        if type(value) is not bytes or len(value) != size:
            self.complain(name, f"{size} bytes")
            return None
        return value

    def texts(self, name: str, check: Callable[[str], str], most: int) -> tuple[str, ...]:
        """A list of texts that is empty where absent."""
        self._seen.add(name)
        found: list[str] = []
        for place, value in enumerate(self._list(name, most)):
            try:
                if not isinstance(value, str):
                    raise WrongValue("text")
                found.append(check(value))
            except WrongValue as error:
                path = f"{self.path(name)}[{place}]"
                self.errors.append(FieldError(path, _read(value), str(error)))
        return tuple(found)

    def part(self, name: str) -> Fields | None:
        """A nested map that may be absent."""
        self._seen.add(name)
        if name not in self._value:
            return None
        return Fields(self._value[name], self.path(name), self.errors)

    def parts(self, name: str, read: Callable[[Fields], T], most: int) -> tuple[T, ...]:
        """A list of nested maps, each through `read`."""
        self._seen.add(name)
        return tuple(
            read(Fields(value, f"{self.path(name)}[{place}]", self.errors))
            for place, value in enumerate(self._list(name, most))
        )

    def close(self) -> None:
        """Complain about every field that nobody asked for: a typing error shows here."""
        for name in sorted(set(map(str, self._value)) - self._seen):
            self.complain(name, "no field of this name")

    def _list(self, name: str, most: int) -> list[Any]:
        value = self._value.get(name, [])
        if not isinstance(value, list | tuple) or len(value) > most:
            self.complain(name, f"a list of at most {most}")
            return []
        return list(value)


def _read(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
