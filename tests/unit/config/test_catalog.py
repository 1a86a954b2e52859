"""Every code has one sentence, and no sentence is left over."""

from cencomm_config.catalog import sentence, sentences
from cencomm_config.display import shown
from cencomm_config.errors import ServiceCode, ServiceError, StoreDown, error_for
from cencomm_crypto.errors import ErrorCode, ProtocolError


def test_every_code_has_a_sentence() -> None:
    codes = {*map(str, ErrorCode), *map(str, ServiceCode)}
    assert codes <= sentences().keys()


def test_each_sentence_is_one_plain_line_that_ends() -> None:
    for code, text in sentences().items():
        assert text.endswith("."), code
        assert shown(text) == text, code


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
