"""The published vectors hold, and are what the implementation gives today (PROTOCOL)."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from typing import Any

import pytest
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public import primitives
from cencomm_crypto.public.primitives import kdf

from tests.support.vector_runner import (
    attachments,
    epochs,
    escrow,
    logs,
    member_logs,
    messages,
    people,
    public_bytes,
)
from tests.support.vector_runner.reading import FOLDER, Op, books, plain
from tests.support.vectors.books import BOOKS

ALL = dict(books())
PLAIN = (public_bytes, epochs, escrow, messages, attachments, people)  # need no log


def cases() -> Iterator[Any]:
    for name, book in ALL.items():
        scenes = book.get("scenes", {})
        ops: dict[str, Op] = {**logs.ops(scenes), **member_logs.ops(scenes)}
        for module in PLAIN:
            ops |= module.OPS
        for case in book["cases"]:
            yield pytest.param(ops, case, id=f"{name}: {case['name']}")


@pytest.mark.parametrize(("ops", "case"), list(cases()))
def test_each_case_comes_out_as_written(ops: dict[str, Op], case: dict[str, Any]) -> None:
    op, between = ops[case["op"]], case.get("intermediate", {})
    if "failure" in case:
        with pytest.raises(CencommError) as refused:
            op(case["inputs"])
        assert refused.value.code == case["failure"], refused.value.detail
        assert refused.value.detail, "a failure says what was read and what was expected"
        if "reason" in between:
            assert getattr(refused.value, "reason", None) == between["reason"]
        return
    found, expected = plain(op(case["inputs"])), {**between, **case["output"]}
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("name", BOOKS)
def test_the_implementation_gives_the_published_bytes(name: str) -> None:
    """Else: `python -m tests.support.vectors`, and a change of bytes is a change of the spec."""
    assert BOOKS[name]().text() == (FOLDER / f"{name}.json").read_text("ascii")


def test_every_file_is_made_by_a_book() -> None:
    assert set(ALL) == set(BOOKS)


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6_000_000


def test_who_reads_less_computes_the_same_of_what_it_reads() -> None:
    """A reader of some channels has the projection that a reader of all has of them (DESIGN 2).

    What the former computes is published, and held above.
    """
    book, compared = ALL["stories"], 0
    stories = logs.Logs(book["scenes"])
    for case in book["cases"]:
        if case["op"] == "replay operation" and "channels" in case["inputs"]:
            some = {bytes.fromhex(chan) for chan in case["inputs"]["channels"]}
            whole = logs.whole_log(stories, case["inputs"]["scene"], some)
            assert case["output"]["results"][-1][0] == whole.hex()
            compared += 1
    assert compared >= 9


# -- KDF is libsodium's ----------------------------------------------------------------------------


def test_kdf_is_libsodiums_by_its_published_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    """libsodium test/default/kdf.exp: context "KDF test", key 00..1f, 32 bytes, subkey 32."""
    monkeypatch.setattr(primitives, "KDF_CONTEXT", b"KDF test")
    expected = "154b291f11196737f8b7f491e4ca11764e0227d34f94295408a869f007aa8618"
    assert kdf(bytes(range(32)), 32).hex() == expected


def test_kdf_is_libsodiums_by_calling_it() -> None:
    path = ctypes.util.find_library("sodium")
    if path is None:
        pytest.skip("no libsodium besides PyNaCl's, which leaves crypto_kdf out")
    library = ctypes.CDLL(path)
    for index in (0, 1, 2, 3, 2**32, 2**64 - 1):
        key, out = primitives.sha256(index.to_bytes(8, "big")), ctypes.create_string_buffer(32)
        library.crypto_kdf_derive_from_key(out, 32, ctypes.c_uint64(index), b"CENcomm1", key)
        assert kdf(key, index) == out.raw
