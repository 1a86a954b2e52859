"""What a handler gets and what it gives back; neither knows aiohttp."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus

from cencomm_config.display import shown
from cencomm_config.errors import BadRequest
from cencomm_crypto.public.ids import LogId

from cencomm_server.accounts.principal import Principal
from cencomm_server.http.fields import Fields, from_hex

JSON, CBOR, CBOR_SEQ, TEXT = (
    "application/json",
    "application/cbor",
    "application/cbor-seq",
    "text/plain; charset=utf-8",
)


class Query:
    """The parameters after `?`, each read once by name; `end` refuses what nobody read."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        """`pairs` as decoded by the transport."""
        self._left = dict(pairs)

    def count(
        self, name: str, default: int | None = None, *, least: int = 0, most: int = 2**53 - 1
    ) -> int:
        """A whole number from `least` to `most`; without a default it must be there."""
        text = self._left.pop(name, None)
        if text is None and default is not None:
            return default
        plain = text is not None and text.isascii() and text.isdigit() and len(text) < 17
        if text is None or not plain or not least <= int(text) <= most:
            raise BadRequest(f"parameter {name}: expected a whole number from {least} to {most}")
        return int(text)

    def optional_count(self, name: str) -> int | None:
        """As `count`, None when absent."""
        return self.count(name) if name in self._left else None

    def hex(self, name: str, size: int) -> bytes:
        """`size` bytes in lower-case hex."""
        return from_hex(self._left.pop(name, ""), size, f"parameter {name}")

    def optional_hex(self, name: str, size: int) -> bytes | None:
        """As `hex`, None when absent."""
        return self.hex(name, size) if name in self._left else None

    def end(self) -> None:
        """Call after the last parameter."""
        if self._left:
            names = ", ".join(shown(name, max_len=40) for name in sorted(self._left)[:5])
            raise BadRequest(f"unknown parameter: {names}; docs/api.md lists those expected")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read within its limits; `principal` is there iff the route asks for a token."""

    path: Mapping[str, str]
    query: Query
    body: bytes = field(repr=False)
    caller: Principal | None
    setup: str = field(default="", repr=False)  # the header X-Cencomm-Setup

    @property
    def principal(self) -> Principal:
        """Who asks, on a route of `Access.TOKEN`."""
        if self.caller is None:
            raise RuntimeError("a public route asked for its principal")
        return self.caller

    @property
    def log(self) -> LogId:
        """`{log}` of the path."""
        return LogId(from_hex(self.path["log"], 16, "the log id in the path"))

    def fields(self) -> Fields:
        """The JSON body."""
        self.query.end()
        return Fields.parse(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes with a media type; `headers` only those that docs/api.md names."""

    body: bytes
    media: str
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(value: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """An object as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Answer(text.encode("utf-8"), JSON, status)


class Access(Enum):
    """Who may call a route, and against what it counts (`cencomm_server.throttle`)."""

    FREE = auto()  # anybody, as often as they like: does the process live
    PUBLIC = auto()  # anybody; counts against the address
    LOGIN = auto()  # the same, and what fails counts as a failed login from there (A37)
    TOKEN = auto()  # a session; counts against its device
    OPERATOR = auto()  # the setting `metrics_token`; where there is none, the route is not there


class Takes(Enum):
    """What body a route takes; the size limits are settings, but for that of a tail's part."""

    NOTHING = auto()
    JSON = auto()
    SUBMISSION = auto()
    TAIL = auto()


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of `cencomm_server.routes`."""

    method: str
    path: str
    handler: Handler
    access: Access
    takes: Takes = Takes.NOTHING
