"""Trees and their proofs agree with RFC 6962's recursive definition (PROTOCOL 4)."""

from __future__ import annotations

import pytest
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.tree import Tree, root_of, verify_consistency, verify_inclusion
from hypothesis import given
from hypothesis import strategies as st

LEAVES = [sha256(b"\x00", bytes([number])) for number in range(130)]


def definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 2.1, written as the RFC has it."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01", definition(leaves[:split]), definition(leaves[split:]))


def test_the_root_of_every_size_is_the_definition() -> None:
    tree = Tree(LEAVES)
    assert [tree.root(size) for size in range(131)] == [
        definition(LEAVES[:size]) for size in range(131)
    ]


def test_every_inclusion_and_consistency_proof_up_to_40_verifies() -> None:
    tree = Tree(LEAVES)
    for size in range(1, 41):
        root = tree.root(size)
        for index in range(size):
            verify_inclusion(LEAVES[index], index, size, tree.inclusion(index, size), root)
        for old in range(size + 1):
            verify_consistency(old, tree.root(old), size, root, tree.consistency(old, size))


@given(st.integers(1, 130), st.data())
def test_a_proof_fails_for_any_other_leaf_place_size_or_root(
    size: int, data: st.DataObject
) -> None:
    tree = Tree(LEAVES)
    index = data.draw(st.integers(0, size - 1))
    proof, root = tree.inclusion(index, size), tree.root(size)
    wrong = sha256(b"other")
    cases = [(wrong, index, size, proof, root), (LEAVES[index], index, size, proof, wrong)]
    cases.append((LEAVES[index], index, size, (*proof, wrong), root))
    cases.append((LEAVES[index], size, size, proof, root))
    if size > 1:
        cases.append((LEAVES[index], (index + 1) % size, size, proof, root))
        cases.append((LEAVES[index], index, size, proof[:-1], root))
    for case in cases:
        with pytest.raises(ProtocolError):
            verify_inclusion(*case)


@given(st.integers(1, 129), st.data())
def test_a_rewritten_past_has_no_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    place = data.draw(st.integers(0, old - 1))
    honest = Tree(LEAVES[:new])
    forged = Tree([*LEAVES[:place], sha256(b"forged"), *LEAVES[place + 1 : new]])
    with pytest.raises(ProtocolError):
        verify_consistency(old, honest.root(old), new, forged.root(), forged.consistency(old, new))


def test_a_tree_does_not_shrink() -> None:
    tree = Tree(LEAVES)
    with pytest.raises(ProtocolError):
        verify_consistency(5, tree.root(5), 4, tree.root(4), ())


@given(st.integers(0, 130), st.integers(0, 130))
def test_a_tree_cut_back_and_grown_again_is_the_same_tree(size: int, cut: int) -> None:
    tree = Tree(LEAVES[:size])
    tree.root()
    kept = min(cut, size)
    tree.truncate(kept)
    assert tree.root() == definition(LEAVES[:kept])
    for leaf in LEAVES[kept:]:
        tree.append(leaf)
    assert tree.root() == definition(LEAVES)


def test_the_root_of_a_committed_list_hashes_its_raw_leaves() -> None:
    assert root_of([b"a", b"b"]) == sha256(b"\x01", sha256(b"\x00a"), sha256(b"\x00b"))
