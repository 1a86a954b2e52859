"""Log lines: JSON on standard error, one object per line, nothing in them that is not meant to be.

No bodies, tokens, names or addresses (DESIGN 9): nobody passes them in, and what other parties
wrote goes through `shown` (A51) all the same. Of an exception the line has type and places, not the
value, which may quote what was sent; of a library's line the sentence without what was put into it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog
from cencomm_config.display import shown
from structlog.tracebacks import ExceptionDictTransformer

_LONGEST = 500  # characters of one value
_LONGEST_TEMPLATE = 200


def configure(level: str) -> None:
    """Call once at start; `level` as in the settings."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Never with local variables: a handler's locals are what must not be logged.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _without_values,
            _harmless,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=False,  # else the first use, perhaps a test's, decides for ever
    )
    root = logging.getLogger()
    root.handlers, root.level = [_FromLibraries(logging.WARNING)], logging.WARNING
    logging.captureWarnings(capture=True)
    sys.excepthook = _crashed


class _Lines:
    """Writes to standard error; a reader of it that has gone stops no request."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


class _FromLibraries(logging.Handler):
    """What aiohttp, asyncio, the driver and Socket.IO log: where, how bad, which sentence.

    They put addresses and whole packets into their sentences; only the template is kept, and of
    one that was put together before only its first line.
    """

    def emit(self, record: logging.LogRecord) -> None:
        template = str(record.msg).partition("\n")[0][:_LONGEST_TEMPLATE]
        said = {"library": record.name, "template": template if record.args else _plain(template)}
        structlog.get_logger("library").log(
            record.levelno, "library_said", exc_info=record.exc_info, **said
        )


def _plain(sentence: str) -> str:
    """A sentence without places to fill: whatever holds digits, quotes or brackets is left out."""
    return " ".join(word for word in sentence.split() if word.strip(".,:;!").isalpha())


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A defect that ends the program is a line like the others."""
    structlog.get_logger("server").critical("crashed", exc_info=(kind, error, trace))


def _without_values(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out what exceptions say: a KeyError names the key, a driver's error the host."""
    for part in line.get("exception") or ():
        _silence(part)
    return line


def _silence(part: dict[str, Any]) -> None:
    for name in ("exc_value", "exc_notes", "syntax_error"):
        part.pop(name, None)
    for group in part.get("exceptions") or ():
        for inner in group:
            _silence(inner)


def _harmless(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = shown(value, max_len=_LONGEST)
        elif isinstance(value, bytes):
            line[key] = value.hex()[:_LONGEST]
    return line
