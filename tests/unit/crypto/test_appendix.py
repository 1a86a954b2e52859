"""The grammar in the specification is the one that the parsers enforce."""

from __future__ import annotations

from cencomm_crypto.public.bodies import BODIES
from cencomm_crypto.public.cddl import render

from tests.support.appendix import current


def test_appendix_a_is_what_the_shapes_say() -> None:
    assert current() == render()


def test_the_grammar_has_every_type_once() -> None:
    lines = render().splitlines()
    for kind in BODIES:
        assert sum(line.startswith(f"{kind} = ") for line in lines) == 1
