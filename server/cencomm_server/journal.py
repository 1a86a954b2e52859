"""Log lines: JSON on standard error, one object per line, nothing in them that is not meant to be.

No bodies, tokens, names or addresses (DESIGN 9): nobody passes them in, and what other parties
wrote goes through `shown` (A51) all the same.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from cencomm_config.display import shown
from structlog.tracebacks import ExceptionDictTransformer

_LONGEST = 500  # characters of one value


def configure(level: str) -> None:
    """Call once at start; `level` as in the settings."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Never with local variables: a handler's locals are what must not be logged.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _harmless,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=False,  # else the first use, perhaps a test's, decides for ever
    )


class _Lines:
    """Writes to standard error; a reader of it that has gone stops no request."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def _harmless(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = shown(value, max_len=_LONGEST)
        elif isinstance(value, bytes):
            line[key] = value.hex()[:_LONGEST]
    return line
