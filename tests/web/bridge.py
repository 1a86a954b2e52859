"""The TypeScript implementation as a child process that answers the ops of the vectors."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cencomm_crypto.errors import CencommError

from tests.support.vector_runner import attachments, epochs, escrow, messages, people, public_bytes
from tests.support.vector_runner.reading import Op, plain
from tests.web.node import VITE, node, run

ENDING_S = 20
AT_ONCE = 200  # cases whose answers are held: those of 200 devices are 45 kB each

Case = tuple[str, dict[str, Any]]  # op and inputs, in the notation of the vectors
Answer = dict[str, Any]  # {output} or {failure}

PYTHON: dict[str, Op] = {}
for _module in (public_bytes, epochs, escrow, messages, attachments, people):
    PYTHON |= _module.OPS


class Bridge:
    """One node process; a context manager."""

    def __init__(self, program: Path) -> None:
        self._child = subprocess.Popen(
            [node(), str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(ENDING_S)

    def ask(self, cases: Sequence[Case]) -> list[Answer]:
        """The answers to all cases, in their order; an AssertionError tells of a fault in it."""
        answers = self.answers(cases)
        for case, answer in zip(cases, answers, strict=True):
            assert "crash" not in answer, (case, answer)
        return answers

    def answers(self, cases: Sequence[Case]) -> list[Answer]:
        """As they come, also {crash}; written beside reading, so no pipe fills."""
        writer = threading.Thread(target=self._write, args=(cases,))
        writer.start()
        assert self._child.stdout is not None
        lines = [self._child.stdout.readline() or '{"crash": "it ended"}' for _ in cases]
        writer.join()
        return [json.loads(line) for line in lines]

    def _write(self, cases: Iterable[Case]) -> None:
        assert self._child.stdin is not None
        for op, inputs in cases:
            self._child.stdin.write(json.dumps({"op": op, "inputs": inputs}) + "\n")
        self._child.stdin.flush()


def build(folder: Path) -> Path:
    """The bridge as one program for node."""
    run(VITE, "build", "--config", "vite.bridge.config.ts", "--outDir", str(folder))
    return folder / "bridge.js"


def in_python(case: Case, ops: dict[str, Op] = PYTHON) -> Answer:
    """What this implementation answers."""
    op, inputs = case
    try:
        return {"output": json.loads(json.dumps(plain(ops[op](inputs))))}
    except CencommError as error:
        answer = {"failure": str(error.code)}
        reason = getattr(error, "reason", None)
        return answer if reason is None else {**answer, "reason": str(reason)}


def both(bridge: Bridge, cases: Sequence[Case], ops: dict[str, Op] = PYTHON) -> list[Answer]:
    """The answers of both, which are the same: the same bytes, or the same code.

    Each works on a core of its own; in parts, of which both are through before the next.
    """
    ours: list[Answer] = []
    with ThreadPoolExecutor(1) as other_side:
        for start in range(0, len(cases), AT_ONCE):
            part = cases[start : start + AT_ONCE]
            asked = other_side.submit(bridge.ask, part)
            found = [in_python(case, ops) for case in part]
            _expect_alike(part, found, asked.result())
            ours += found
    return ours


def _expect_alike(cases: Sequence[Case], ours: Sequence[Answer], theirs: Sequence[Answer]) -> None:
    for case, one, other in zip(cases, ours, theirs, strict=True):
        assert told(other, one) == one, (case, one, other)


def told(answer: Answer, expected: Answer) -> Answer:
    """Of an answer what the other one says too: its sentence may be another."""
    if "crash" in answer:
        return answer
    if "failure" in answer:
        return {key: answer[key] for key in ("failure", "reason") if key in answer}
    wanted = expected.get("output", {})
    return {"output": {key: found for key, found in answer["output"].items() if key in wanted}}
