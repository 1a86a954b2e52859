"""What a case is, and the list of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.support.bad_input.bench import Answer, Bench

Send = Callable[[Bench], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table; `code` is what must come back."""

    group: str
    name: str
    code: str
    send: Send

    @property
    def id(self) -> str:
        """For pytest and for the list of results."""
        return f"{self.group}: {self.name}"


CASES: list[Case] = []


class Group:
    """The cases of one module under one heading."""

    def __init__(self, name: str) -> None:
        self.name = name

    def case(self, name: str, code: str) -> Callable[[Send], Send]:
        """Add `send` as a case."""

        def add(send: Send) -> Send:
            CASES.append(Case(self.name, name, str(code), send))
            return send

        return add
