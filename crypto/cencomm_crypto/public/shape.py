"""Shapes of CBOR values as data: the tables of PROTOCOL's CDDL in Python.

A shape checks a decoded value and raises ProtocolError with the path of what was wrong, what
was read and what was expected. Maps are closed: a key that is not listed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import Value

MAX_UINT = 2**64 - 1

Surely = Callable[[Value], bool]


def _never_sure(_: Value) -> bool:
    return False


class Shape:
    """One expectation; `cddl()` renders it for the specification."""

    def check(self, value: Value, path: str) -> None:
        """Raise ProtocolError unless `value` fits."""
        raise NotImplementedError  # abstract

    def surely(self) -> Surely:
        """Makes the question whether a parsed value certainly fits and is in the subset of CBOR.

        One pass in place of a walk and a check: for what is read by the ten thousand. "No" may
        only mean "ask `encoding.decode` and `check`", which say what is wrong.
        """
        return _never_sure

    def cddl(self) -> str:
        """The shape as CDDL."""
        raise NotImplementedError  # abstract


@dataclass(frozen=True, slots=True)
class Bytes(Shape):
    """A byte string of one of `sizes`, or of `least`..`most` bytes."""

    sizes: tuple[int, ...] = ()
    least: int = 0
    most: int = 0

    def check(self, value: Value, path: str) -> None:
        if type(value) is not bytes:
            _wrong(path, value, self)
        fits = len(value) in self.sizes if self.sizes else self.least <= len(value) <= self.most
        if not fits:
            raise ProtocolError(
                ErrorCode.MALFORMED, f"{path}: {len(value)} bytes read, {self.cddl()} expected"
            )

    def surely(self) -> Surely:
        if self.sizes:
            sizes = frozenset(self.sizes)
            return lambda value: type(value) is bytes and len(value) in sizes
        least, most = self.least, self.most
        return lambda value: type(value) is bytes and least <= len(value) <= most

    def cddl(self) -> str:
        if self.sizes:
            return " / ".join(f"bstr .size {size}" for size in self.sizes)
        return f"bstr .size ({self.least}..{self.most})"


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """Text of `least`..`most` UTF-8 bytes without control characters."""

    most: int
    least: int = 1

    def check(self, value: Value, path: str) -> None:
        if type(value) is not str:
            _wrong(path, value, self)
        size = len(value.encode("utf-8"))
        if not self.least <= size <= self.most:
            raise ProtocolError(
                ErrorCode.MALFORMED, f"{path}: {size} bytes of text, {self.cddl()} expected"
            )
        if value.isprintable():
            return
        if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in value):
            raise ProtocolError(ErrorCode.MALFORMED, f"{path}: a control character in text")

    def surely(self) -> Surely:
        least, most = self.least, self.most
        return lambda value: (
            type(value) is str
            and least <= len(value) <= most
            and value.isascii()
            and value.isprintable()
        )

    def cddl(self) -> str:
        return f"tstr .size ({self.least}..{self.most})"


@dataclass(frozen=True, slots=True)
class Choice(Shape):
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: Value, path: str) -> None:
        if type(value) is not str or value not in self.words:
            _wrong(path, value, self)

    def cddl(self) -> str:
        return " / ".join(f'"{word}"' for word in self.words)


@dataclass(frozen=True, slots=True)
class UInt(Shape):
    """An unsigned integer within bounds."""

    least: int = 0
    most: int = MAX_UINT

    def check(self, value: Value, path: str) -> None:
        if type(value) is not int:
            _wrong(path, value, self)
        if not self.least <= value <= self.most:
            raise ProtocolError(
                ErrorCode.MALFORMED, f"{path}: {value} read, {self.cddl()} expected"
            )

    def surely(self) -> Surely:
        least, most = self.least, self.most
        return lambda value: type(value) is int and least <= value <= most

    def cddl(self) -> str:
        if self.least == self.most:
            return str(self.least)
        return "uint" if self.most == MAX_UINT and not self.least else f"{self.least}..{self.most}"


@dataclass(frozen=True, slots=True)
class Bool(Shape):
    """True or false."""

    def check(self, value: Value, path: str) -> None:
        if type(value) is not bool:
            _wrong(path, value, self)

    def cddl(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Array(Shape):
    """`least`..`most` items of one shape."""

    item: Shape
    most: int
    least: int = 0

    def check(self, value: Value, path: str) -> None:
        if type(value) is not list:
            _wrong(path, value, self)
        if not self.least <= len(value) <= self.most:
            raise ProtocolError(
                ErrorCode.MALFORMED,
                f"{path}: {len(value)} items read, {self.least} to {self.most} expected",
            )
        check = self.item.check
        for index, item in enumerate(value):
            check(item, path and f"{path}[{index}]")

    def surely(self) -> Surely:
        least, most, fits = self.least, self.most, self.item.surely()
        return lambda value: (
            type(value) is list and least <= len(value) <= most and all(map(fits, value))
        )

    def cddl(self) -> str:
        return f"[{self.least}*{self.most} {self.item.cddl()}]"


@dataclass(frozen=True, slots=True)
class Fixed(Shape):
    """An array with one shape per place."""

    items: tuple[Shape, ...]

    def check(self, value: Value, path: str) -> None:
        if type(value) is not list or len(value) != len(self.items):
            _wrong(path, value, self)
        for index, (item, shape) in enumerate(zip(value, self.items, strict=True)):
            shape.check(item, path and f"{path}[{index}]")

    def surely(self) -> Surely:
        every, count = tuple(item.surely() for item in self.items), len(self.items)

        def fits(value: Value) -> bool:
            if type(value) is not list or len(value) != count:
                return False
            for fit, item in zip(every, value, strict=True):  # noqa: SIM110 - faster than all()
                if not fit(item):
                    return False
            return True

        return fits

    def cddl(self) -> str:
        return "[" + ", ".join(item.cddl() for item in self.items) + "]"


class Map(Shape):
    """A closed map; a key whose name ends in "?" may be absent."""

    __slots__ = ("optional", "required")

    def __init__(self, fields: Mapping[str, Shape]) -> None:
        self.required = {key: shape for key, shape in fields.items() if not key.endswith("?")}
        self.optional = {key[:-1]: shape for key, shape in fields.items() if key.endswith("?")}

    def check(self, value: Value, path: str) -> None:
        """Paths are built once something is wrong: to build them was a third of a check."""
        if not path:  # within another map, which asks again for the path
            self._check(value, "")
            return
        try:
            self._check(value, "")
        except ProtocolError:
            self._check(value, path)
            raise

    def _check(self, value: Value, path: str) -> None:
        if type(value) is not dict:
            _wrong(path, value, self)
        for key, shape in self.required.items():
            if key not in value:
                raise ProtocolError(ErrorCode.MALFORMED, f"{path}.{key}: missing")
            shape.check(value[key], path and f"{path}.{key}")
        if len(value) == len(self.required):
            return
        for key, item in value.items():
            if key in self.required:
                continue
            if key not in self.optional:
                known = ", ".join(sorted({*self.required, *self.optional})) or "no key at all"
                raise ProtocolError(
                    ErrorCode.MALFORMED, f"{path}.{key!a}: unknown key; expected {known}"
                )
            self.optional[key].check(item, path and f"{path}.{key}")

    def surely(self) -> Surely:
        known = {**self.required, **self.optional}
        order = sorted(known, key=lambda key: (len(key), key))  # deterministic CBOR's, of ASCII
        table = {key: (place, known[key].surely()) for place, key in enumerate(order)}
        required = frozenset(self.required)
        strange = -1, _never_sure

        def fits(value: Value) -> bool:
            if type(value) is not dict:
                return False
            before = -1
            for key, item in value.items():
                place, fit = table.get(key, strange)
                if place <= before or not fit(item):
                    return False
                before = place
            return required <= value.keys()

        return fits

    def cddl(self) -> str:
        rows = [f"{key}: {shape.cddl()}" for key, shape in self.required.items()]
        rows += [f"? {key}: {shape.cddl()}" for key, shape in self.optional.items()]
        return "{ " + ", ".join(rows) + " }" if rows else "{ }"


def _wrong(path: str, value: Value, shape: Shape) -> None:
    read = ascii(value) if isinstance(value, str | int) else type(value).__name__
    raise ProtocolError(ErrorCode.MALFORMED, f"{path}: {read[:60]} read, {shape.cddl()} expected")
