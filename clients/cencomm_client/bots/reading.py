"""JSON of a source system, read strictly: what two parsers could read in two ways is refused."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from typing import Any, NoReturn

from cencomm_config.forms import FieldError, FormInvalid
from cencomm_config.forms.errors import Expected

MAX_BYTES = 256 * 1024


def read_object(data: bytes) -> dict[str, Any]:
    """The object; raises FormInvalid that says what was read instead."""
    if len(data) > MAX_BYTES:
        raise wrong_hit(f"{len(data)} bytes", "hit_bytes", most=MAX_BYTES)
    if data.startswith(codecs.BOM_UTF8):
        raise wrong_hit("a byte order mark before it", "hit_json")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_no_float,
        )
    except UnicodeDecodeError as error:
        raise wrong_hit(_encoding(data), "hit_json") from error
    except RecursionError as error:
        raise wrong_hit("a deep nesting", "hit_json") from error
    except FormInvalid:
        raise
    except ValueError as error:
        raise wrong_hit(f"no JSON ({error})"[:80], "hit_json") from error
    if not isinstance(value, dict):
        raise wrong_hit(f"a {type(value).__name__}", "hit_json")
    return value


def _encoding(data: bytes) -> str:
    """What bytes that are not UTF-8 look like."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "UTF-16" if wide else "other bytes"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        counted = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counted.items() if count > 1)
        raise wrong_hit(f"{twice[:60]} twice", "hit_once")
    return made


def _no_constant(word: str) -> NoReturn:
    raise wrong_hit(word, "hit_numbers")


def _no_float(word: str) -> NoReturn:
    raise wrong_hit(word[:40], "hit_numbers")


def wrong_hit(read: str, code: str, **values: object) -> FormInvalid:
    """A hit that is wrong as a whole; `code` names the sentence that says what is expected."""
    labels = {"en": "Hit", "fr": "Alerte"}
    return FormInvalid((FieldError(("hit",), labels, read, Expected(code, values)),))
