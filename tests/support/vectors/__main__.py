"""Write `crypto/vectors/*.json`."""

from __future__ import annotations

import sys

from tests.support.vectors.books import FOLDER, files


def main() -> None:
    """Replace all files; those that nothing makes any more go."""
    FOLDER.mkdir(exist_ok=True)
    made = dict(files())
    for old in set(FOLDER.glob("*.json")) - set(made):
        old.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="ascii")
    total = sum(len(text) for text in made.values())
    sys.stdout.write(f"{len(made)} files, {total // 1000} kB\n")


main()
