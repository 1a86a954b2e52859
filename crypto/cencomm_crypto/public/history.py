"""What the rules ask of the past: roots of a log, and the directory at every size.

`replay` has both; tests and other readers may bring their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cencomm_crypto.public.directory.state import DirectoryState


class Roots(Protocol):
    """A log's own tree, as the rules check `seen`, `dir` and lost leaves against it."""

    def root(self, size: int) -> bytes | None:
        """Tree root at `size`; None beyond what was read."""

    def leaf(self, seq: int) -> bytes | None:
        """Leaf hash at `seq`; None beyond what was read."""


class DirectoryHistory(Protocol):
    """The directory at every size, as the operation's rules read it."""

    @property
    def size(self) -> int:
        """Newest size known here."""

    def at(self, size: int) -> DirectoryState:
        """State after `size` entries; 1 <= size <= self.size."""

    def root(self, size: int) -> bytes | None:
        """Tree root at `size`; None beyond self.size."""
