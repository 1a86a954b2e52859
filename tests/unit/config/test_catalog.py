"""Every code has one sentence in each language, and no sentence is left over."""

import re
from string import Formatter

import pytest
from cencomm_config.catalog import LANGUAGES, chosen_language, sentence, sentences
from cencomm_config.catalog.pseudo import PSEUDO
from cencomm_config.display import shown
from cencomm_config.errors import ServiceCode, ServiceError, StoreDown, error_for
from cencomm_crypto.errors import ErrorCode, ProtocolError


def test_every_code_has_a_sentence() -> None:
    codes = {*map(str, ErrorCode), *map(str, ServiceCode)}
    assert codes <= sentences().keys()


@pytest.mark.parametrize("language", [*LANGUAGES, PSEUDO])
def test_each_sentence_is_one_plain_line_that_ends(language: str) -> None:
    for code, text in sentences(language).items():
        assert text.endswith(".") != code.startswith(("label_", "column_")), code
        assert shown(text) == text, code


@pytest.mark.parametrize("language", [*LANGUAGES, PSEUDO])
def test_every_language_says_everything_with_the_same_places(language: str) -> None:
    assert list(sentences(language)) == list(sentences())
    for code, text in sentences(language).items():
        assert places(text) == places(sentences()[code]), code
        assert re.findall("`[^`]*`", text) == re.findall("`[^`]*`", sentences()[code]), code


def test_a_translation_is_one() -> None:
    """Sentences are not left in English: a few labels may be the same word."""
    same = {code for code, text in sentences("fr").items() if text == sentences()[code]}
    words = {"column_code", "column_phase", "column_version", "label_desk_administration"}
    assert same <= words


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"CENCOMM_LANG": "fr"}, "fr"),
        ({"CENCOMM_LANG": "fr", "LANG": "en_GB.UTF-8"}, "fr"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LC_ALL": "C", "LANG": "fr_FR.UTF-8"}, "en"),
        ({"CENCOMM_LANG": "fr-CA"}, "fr"),
        ({"CENCOMM_LANG": "xx"}, "en"),
        ({"CENCOMM_LANG": "qps"}, "qps"),
    ],
)
def test_the_language_is_the_chosen_one(environ: dict[str, str], language: str) -> None:
    assert chosen_language(environ) == language


def test_an_unknown_code_is_named() -> None:
    assert "frobnicated" in sentence("frobnicated")


def test_no_code_belongs_to_both_kinds() -> None:
    assert not set(map(str, ErrorCode)) & set(map(str, ServiceCode))


def test_every_service_code_has_one_exception_class() -> None:
    classes = [*ServiceError.__subclasses__(), *StoreDown.__subclasses__()]
    codes = [str(cls.code) for cls in classes]
    assert all(type(error_for(code, "x")) in classes for code in codes)
    assert sorted(codes) == sorted(map(str, ServiceCode))


def test_an_answer_becomes_the_exception_it_was() -> None:
    assert isinstance(error_for("not_member", "x"), ProtocolError)
    assert error_for("not_member", "x").code == ErrorCode.NOT_MEMBER
    for cls in ServiceError.__subclasses__():
        assert type(error_for(cls.code, "x")) is cls


def test_a_newer_servers_code_keeps_its_name() -> None:
    error = error_for("frobnicated", "x")
    assert (error.code, error.detail) == ("frobnicated", "x")
