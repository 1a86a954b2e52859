"""A changed copy is what `dataclasses.replace` makes, and leaves the first as it was."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace

import pytest
from cencomm_crypto.public.copying import changed
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState


@dataclass(frozen=True)
class Row:
    """Any record."""

    a: int
    b: str = "b"


def test_it_is_what_replace_makes() -> None:
    row = Row(1)
    assert changed(row, b="c") == replace(row, b="c")
    assert hash(changed(row, b="c")) == hash(Row(1, "c"))
    assert row == Row(1)


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="no such fields"):
        changed(Row(1), c=3)


@pytest.mark.parametrize("record", [OperationState, Channel])
def test_the_records_that_are_copied_keep_their_fields_in_a_dict(record: type) -> None:
    assert is_dataclass(record)
    assert not hasattr(record, "__post_init__")
    assert all(field.name not in record.__dict__.get("__slots__", ()) for field in fields(record))
