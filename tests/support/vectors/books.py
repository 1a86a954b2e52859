"""Which module makes which file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.support.vectors import (
    attachments,
    directory,
    encoding,
    entries,
    epochs,
    escrow,
    keys,
    lost,
    messages,
    operation,
    people,
    phases,
    stories,
    transport,
    trees,
)
from tests.support.vectors.notation import Book
from tests.support.vectors.rights.directory import directory_rights
from tests.support.vectors.rights.operation import operation_rights

FOLDER = Path(__file__).parents[3] / "crypto" / "vectors"

BOOKS: Mapping[str, Callable[[], Book]] = {
    "encoding": encoding.book,
    "functions": keys.functions,
    "keys": keys.keys,
    "entries": entries.book,
    "tree": trees.trees,
    "notes": trees.notes,
    "directory": directory.book,
    "directory-rights": directory_rights,
    "operation": operation.book,
    "operation-rights": operation_rights,
    "phases": phases.book,
    "stories": stories.book,
    "lost": lost.book,
    "epochs": epochs.book,
    "escrow": escrow.book,
    "messages": messages.book,
    "attachments": attachments.book,
    "wire": transport.book,
    "login": people.login,
    "invitation": people.invitation,
}


def files() -> Iterator[tuple[Path, str]]:
    """Every file with its text, as the implementation gives it now."""
    for name, book in BOOKS.items():
        yield FOLDER / f"{name}.json", book().text()
