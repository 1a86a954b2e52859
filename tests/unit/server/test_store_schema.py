"""The validators follow the records, and records come back as they went in."""

from __future__ import annotations

from cencomm_crypto.public.ids import LogId, PersonId
from cencomm_server.store import schema
from cencomm_server.store.collection import Records
from cencomm_server.store.documents import (
    AccountDoc,
    AccountState,
    EnrolmentDoc,
    InvitationDoc,
    LogDoc,
    LogKind,
)


def test_every_field_of_a_record_is_required_and_nothing_else_is_taken() -> None:
    shape = schema.LOGS.validator["$jsonSchema"]
    assert shape["required"] == ["_id", "created", "id32", "kind"]
    assert shape["additionalProperties"] is False
    assert shape["properties"]["kind"] == {"enum": ["directory", "operation"]}
    assert shape["properties"]["_id"] == {"bsonType": "binData"}


def test_a_field_that_may_be_none_says_so() -> None:
    properties = schema.ACCOUNTS.validator["$jsonSchema"]["properties"]
    assert properties["totp_sealed"] == {"anyOf": [{"bsonType": "binData"}, {"bsonType": "null"}]}


def test_each_collection_is_laid_out_once() -> None:
    names = [layout.name for layout in schema.LAYOUTS]
    assert len(names) == len(set(names))
    assert set(names) == {
        value.name for value in vars(schema).values() if isinstance(value, schema.Layout)
    }


def test_a_record_comes_back_out_of_its_document() -> None:
    doc = LogDoc(LogId(b"L" * 16), LogKind.DIRECTORY, b"L" * 32, 7)
    records = Records(LogDoc, schema.LOGS)
    document = records.document(doc)
    assert document == {"_id": b"L" * 16, "kind": "directory", "id32": b"L" * 32, "created": 7}
    assert type(document["kind"]) is str
    back = LogDoc(**records.values(document))
    assert back == doc
    assert isinstance(back.kind, LogKind)


def test_a_nested_record_becomes_a_nested_document() -> None:
    enrolment = EnrolmentDoc(b"s", b"b", b"g", b"p", 1)
    person = PersonId(b"P" * 16)
    doc = InvitationDoc(b"i" * 16, person, person, 1, 2, enrolment)
    document = Records(InvitationDoc, schema.INVITATIONS).document(doc, gone="later")
    assert document["enrolment"]["sign_pk"] == b"s"
    assert document["gone"] == "later"


def test_secrets_are_in_no_repr() -> None:
    person = PersonId(b"P" * 16)
    doc = AccountDoc(person, "FR-014", "hunter2", b"hunter3", 0, AccountState.ACTIVE, 1)
    assert "hunter" not in repr(doc)
