"""The corpus replayed on every target, a short run of the fuzzer, and that a target can fail."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from unittest.mock import patch

import pytest
from cencomm_client import answers
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.wire import Receipt
from cencomm_server.engine.reading import Reading

from tests.fuzz import targets
from tests.fuzz.__main__ import MISSING, TARGETS, available, run_all
from tests.fuzz.handlers import Handlers, Told
from tests.fuzz.seeds import CORPUS, ENTRIES
from tests.fuzz.targets import PURE, Target

MAX_CORPUS_BYTES = 1_000_000
READ_ENTRIES = bytes([ENTRIES, 1, 0, 0])


def inputs(target: str) -> list[bytes]:
    """What is kept of a target, in a fixed order."""
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


@pytest.fixture(scope="module")
def handlers() -> Iterator[Handlers]:
    """One server for the module."""
    with (
        tempfile.TemporaryDirectory(prefix="cencomm-fuzz-") as folder,
        Handlers(Path(folder)) as made,
    ):
        yield made


def test_the_corpus_is_there_and_small() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert all(len(inputs(target)) >= 10 for target in TARGETS)
    assert sum(len(data) for target in TARGETS for data in inputs(target)) < MAX_CORPUS_BYTES


@pytest.mark.parametrize("target", PURE)
def test_what_was_met_is_read_alike(target: str) -> None:
    for data in inputs(target):
        PURE[target](data)


@pytest.mark.parametrize("target", ["http", "live"])
def test_what_was_met_is_answered_by_code(handlers: Handlers, target: str) -> None:
    told = {getattr(handlers, target)(data) for data in inputs(target)}
    assert len(told) >= 4


@pytest.mark.skipif(not os.environ.get("CI"), reason="to start a fuzzer takes half a minute")
def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    """Ten minutes of each: `make fuzz SECONDS=600`; here the corpus above is fed to them all."""
    assert available(), MISSING
    found = run_all(TARGETS, seconds=6, jobs=2, found=tmp_path)
    assert {target: said for target, (status, said) in found.items() if status} == {}
    assert all("DONE" in said for _, said in found.values())


def fed(feed: Target, data: list[bytes]) -> None:
    """Give a target several inputs."""
    for one in data:
        feed(one)


def test_the_targets_would_see_a_fault() -> None:
    """Each with one thing wrong in what it feeds."""
    with patch.object(targets, "check_item", lambda data: None), pytest.raises(AssertionError):
        targets.decoder(b"\xff")
    with patch.object(Receipt, "encode", lambda receipt: b""), pytest.raises(AssertionError):
        fed(targets.wire, inputs("wire"))
    with patch.object(answers, "parse_push", lambda data: 1 / 0), pytest.raises(ZeroDivisionError):
        fed(targets.wire, inputs("wire"))
    outcomes = cycle([Rejected(ErrorCode.CLOSED, ""), Rejected(ErrorCode.TOO_LARGE, "")])
    log = type(targets.cast().operation.log)
    with patch.object(log, "check", lambda *_: next(outcomes)), pytest.raises(AssertionError):
        fed(targets.rules, inputs("rules"))


def test_a_defect_of_a_handler_would_be_seen(handlers: Handlers) -> None:
    assert handlers.http(READ_ENTRIES) == Told(200, "")
    with (
        patch.object(Reading, "read", side_effect=RuntimeError("planted")),
        pytest.raises(AssertionError, match="request_failed"),
    ):
        handlers.http(READ_ENTRIES)
    assert handlers.http(READ_ENTRIES) == Told(200, "")
