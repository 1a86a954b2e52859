"""The forms of one operation: the base set, or a narrowing of it, with its hash.

A narrowing may require more, allow fewer choices, shorten, fill in beforehand and relabel. What
would let through a form that the base set refuses is refused itself: whoever lacks the
operation's own set then still reads every form of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

from cencomm_config.display import is_plain
from cencomm_config.forms import schemas
from cencomm_config.forms.errors import Expected, FieldError, FormInvalid, FormSetInvalid
from cencomm_config.forms.form import Form
from cencomm_config.forms.narrowing import narrowed

FORMAT = 1


class FormSet:
    """Forms by code; compiled when first used."""

    def __init__(self, name: str, written: Mapping[str, schemas.Schema]) -> None:
        """`written`: code to schema without references."""
        self.name = name
        self._written = written
        self._forms: dict[str, Form] = {}

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its forms."""
        return tuple(self._written)

    def find(self, code: str) -> Form | None:
        """The form of this code, or None."""
        if code not in self._forms and code in self._written:
            self._forms[code] = Form(code, self._written[code])
        return self._forms.get(code)

    def form(self, code: str) -> Form:
        """The form of this code; raises FormInvalid with the codes there are."""
        found = self.find(code)
        if found is None:
            expected = Expected("field_choice", {"choices": ", ".join(self.codes)})
            labels = {"en": "Form", "fr": "Formulaire"}
            raise FormInvalid((FieldError(("kind",), labels, code, expected),))
        return found

    @cached_property
    def canonical(self) -> bytes:
        """The set as bytes: JSON, keys sorted, no spaces, UTF-8; one for one set."""
        value = {"format": FORMAT, "name": self.name, "forms": self._written}
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the canonical bytes, 32 bytes: what an operation's genesis names."""
        return sha256(self.canonical).digest()

    def narrow(self, document: Any) -> FormSet:
        """The set that a narrowing document makes of this one (docs/forms.md).

        Raises FormSetInvalid, which names the place and what is expected there.
        """
        if not isinstance(document, Mapping):
            raise FormSetInvalid("the document: a JSON object expected")
        unknown = sorted(set(document) - {"format", "name", "forms"})
        if unknown:
            raise FormSetInvalid(f"{unknown[0]}: read, only format, name and forms expected")
        if document.get("format") != FORMAT:
            raise FormSetInvalid(f"format: {document.get('format')!r} read, {FORMAT} expected")
        name, forms = document.get("name"), document.get("forms")
        if not isinstance(name, str) or not 0 < len(name) <= 64 or not is_plain(name):
            raise FormSetInvalid("name: text of 1 to 64 visible characters expected")
        if not isinstance(forms, Mapping):
            raise FormSetInvalid("forms: a JSON object of form codes expected")
        for code in forms:
            if code not in self._written:
                raise FormSetInvalid(f"{code}: read, one of {', '.join(self.codes)} expected")
        made = {
            code: narrowed(code, schema, forms[code]) if code in forms else schema
            for code, schema in self._written.items()
        }
        return FormSet(name, made)


@cache
def base_set() -> FormSet:
    """The forms that this version carries."""
    return FormSet("base", {code: schemas.whole(code) for code in schemas.CODES})
