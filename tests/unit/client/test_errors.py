"""Every code of the client has one class or alarm, and one sentence for people."""

from __future__ import annotations

from collections.abc import Iterator

from cencomm_client import errors
from cencomm_client.errors import ClientCode, ClientError
from cencomm_config.catalog import sentences
from cencomm_config.display import shown
from cencomm_crypto.errors import ErrorCode


def classes(base: type[ClientError]) -> Iterator[type[ClientError]]:
    for found in base.__subclasses__():
        yield found
        yield from classes(found)


def test_every_code_of_the_client_has_a_sentence_in_one_plain_line() -> None:
    for code in ClientCode:
        text = sentences()[code]
        assert text.endswith("."), code
        assert shown(text) == text, code


def test_a_class_has_a_code_of_its_own() -> None:
    codes = [
        cls.__dict__["code"]
        for cls in classes(ClientError)
        if cls.__module__.startswith(errors.__name__) and "code" in cls.__dict__
    ]
    assert len(codes) == len(set(codes))
    assert set(codes) <= set(ClientCode)


def test_every_rejection_and_every_named_class_gives_a_row_of_the_attacks() -> None:
    rows = {f"A{number}" for number in range(1, 56)}
    assert set(errors.ROW_OF_REJECTION.values()) <= rows
    assert set(errors.ROW_OF_REJECTION) <= set(ErrorCode)
    for cls in classes(ClientError):
        assert getattr(cls, "row", "A1") in rows
