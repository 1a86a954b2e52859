"""RFC 6962 Merkle trees: roots of every size, inclusion and consistency proofs (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.primitives import EMPTY_ROOT, equal, sha256


class Tree:
    """An append-only tree that can be cut back to an earlier size.

    Keeps the hash of every full subtree: level h holds the subtrees of 2**h leaves, so a root
    or proof of any size costs O(log n) hashes.
    """

    __slots__ = ("_levels", "_roots")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self._roots: dict[int, bytes] = {}
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`."""
        return self._levels[0][index]

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf hash (32 bytes, already prefixed as RFC 6962 says)."""
        node, height = leaf_hash, 0
        self._levels[0].append(node)
        while len(self._levels[height]) % 2 == 0:
            node = _node(self._levels[height][-2], node)
            height += 1
            if height == len(self._levels):
                self._levels.append([])
            self._levels[height].append(node)

    def truncate(self, size: int) -> None:
        """Forget all leaves from `size` on."""
        for gone in range(size + 1, self.size + 1):
            self._roots.pop(gone, None)
        for height, level in enumerate(self._levels):
            del level[size >> height :]

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves (all, if None)."""
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise ValueError(f"size {size} of a tree of {self.size}")
        known = self._roots.get(size)
        if known is None:
            known = EMPTY_ROOT if size == 0 else self._range(0, size)
            if len(self._roots) > 4096:  # authors name recent sizes; a bound is enough
                self._roots.clear()
            self._roots[size] = known
        return known

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """PATH(index, D[size]) of RFC 6962 2.1.1, leaf side first."""
        if not 0 <= index < size <= self.size:
            raise ValueError(f"leaf {index} of size {size} in a tree of {self.size}")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return tuple(reversed(path))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """PROOF(old, D[new]) of RFC 6962 2.1.2; empty for old = 0 and old = new."""
        if not 0 <= old <= new <= self.size:
            raise ValueError(f"from {old} to {new} in a tree of {self.size}")
        if old in (0, new):
            return ()
        return tuple(self._subproof(old, 0, new, True))

    def _subproof(self, old: int, start: int, end: int, whole: bool) -> list[bytes]:
        if old == end - start:
            return [] if whole else [self._range(start, end)]
        half = _split(end - start)
        middle = start + half
        if old <= half:
            return [*self._subproof(old, start, middle, whole), self._range(middle, end)]
        return [*self._subproof(old - half, middle, end, False), self._range(start, middle)]

    def _range(self, start: int, end: int) -> bytes:
        """Hash of leaves start..end, where start is a multiple of the largest power inside."""
        count = end - start
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self._levels[height][start >> height]
        middle = start + _split(count)
        return _node(self._range(start, middle), self._range(middle, end))


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root over raw leaf data (hashed here with the leaf prefix), for committed lists."""
    return Tree(sha256(b"\x00", leaf) for leaf in leaves).root()


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """RFC 9162 2.1.3.2; raises ProtocolError(BAD_PROOF)."""
    if not 0 <= index < size:
        raise _bad("the leaf's index is not below the size")
    node, last, computed = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise _bad("the inclusion proof is too long")
        if node & 1 or node == last:
            computed = _node(sibling, computed)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            computed = _node(computed, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or not equal(computed, root):
        raise _bad("the inclusion proof does not lead to the root")


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """RFC 9162 2.1.4.2; raises ProtocolError(BAD_PROOF)."""
    if not 0 <= old <= new:
        raise _bad("a tree does not shrink")
    if old in (0, new):
        expected = EMPTY_ROOT if old == 0 else new_root
        if proof or not equal(old_root, expected):
            raise _bad("the two roots differ where they must be equal")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise _bad("the consistency proof is empty")
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _bad("the consistency proof is too long")
        if node & 1 or node == last:
            first, second = _node(sibling, first), _node(sibling, second)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            second = _node(second, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or not equal(first, old_root) or not equal(second, new_root):
        raise _bad("the consistency proof does not lead to the two roots")


def _split(count: int) -> int:
    """The largest power of two below `count` (count > 1)."""
    return 1 << ((count - 1).bit_length() - 1)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01", left, right)


def _bad(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.BAD_PROOF, detail)
