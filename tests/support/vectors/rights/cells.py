"""What both tables of rights share."""

from __future__ import annotations

from dataclasses import replace

from tests.support.vectors.notation import Case


def cell(case: Case, kind: str, who: str) -> Case:
    return replace(case, inputs={"type": kind, "by": str(who), **case.inputs})
