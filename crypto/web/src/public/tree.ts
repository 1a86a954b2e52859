/** The Merkle tree over a log's leaves, and proofs about it (PROTOCOL 4; RFC 6962, RFC 9162). */
import { equal } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";
import { sha256 } from "./primitives.ts";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Over the leaves of 3.3, which come in as leaf hashes. Keeps every complete subtree. */
export class Tree {
  /** Per height, the roots of the complete subtrees of that many doublings, from the left. */
  readonly #levels: Uint8Array[][] = [[]];
  readonly #roots = new Map<number, Uint8Array>();

  get size(): number {
    return this.#levels[0]!.length;
  }

  append(leaf: Uint8Array): void {
    let node = leaf;
    for (let height = 0; ; height++) {
      const level = (this.#levels[height] ??= []);
      level.push(node);
      if (level.length % 2 !== 0) return;
      node = sha256(NODE, level[level.length - 2]!, node);
    }
  }

  /** The leaf hash at a place of this tree. */
  leaf(place: number): Uint8Array {
    const found = this.#levels[0]![place];
    if (found === undefined) throw new RangeError(`no leaf at ${place}, the tree has ${this.size}`);
    return found;
  }

  /** MTH of the first `size` leaves. */
  root(size: number = this.size): Uint8Array {
    let root = this.#roots.get(size);
    if (root === undefined) {
      this.#within(size);
      root = this.#span(0, size);
      this.#roots.set(size, root);
    }
    return root;
  }

  copy(): Tree {
    const tree = new Tree();
    this.#levels.forEach((level, height) => {
      tree.#levels[height] = [...level];
    });
    for (const [size, root] of this.#roots) tree.#roots.set(size, root);
    return tree;
  }

  /** RFC 9162 2.1.3.1: that `place` is among the first `size`. */
  inclusion(place: number, size: number): Uint8Array[] {
    this.#within(size);
    if (place >= size) throw new RangeError(`place ${place} is not below size ${size}`);
    const path: Uint8Array[] = [];
    let [start, end] = [0, size];
    while (end - start > 1) {
      const middle = start + split(end - start);
      if (place < middle) {
        path.push(this.#span(middle, end));
        end = middle;
      } else {
        path.push(this.#span(start, middle));
        start = middle;
      }
    }
    return path.reverse();
  }

  /** RFC 9162 2.1.4.1: that the first `oldSize` leaves begin the first `size`. */
  consistency(oldSize: number, size: number): Uint8Array[] {
    this.#within(size);
    if (oldSize > size) throw new RangeError(`size ${oldSize} is not at most ${size}`);
    if (oldSize === 0 || oldSize === size) return [];
    const path: Uint8Array[] = [];
    let [start, end] = [0, size];
    let whole = true; // the old tree is a complete subtree here, whose root the verifier has
    while (end !== oldSize) {
      const middle = start + split(end - start);
      if (oldSize <= middle) {
        path.push(this.#span(middle, end));
        end = middle;
      } else {
        path.push(this.#span(start, middle));
        start = middle;
        whole = false;
      }
    }
    if (!whole) path.push(this.#span(start, end));
    return path.reverse();
  }

  #within(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.size) {
      throw new RangeError(`size ${size}, the tree has ${this.size}`);
    }
  }

  /** MTH of the leaves from `start` up to `end`; `start` is a multiple of the largest power within. */
  #span(start: number, end: number): Uint8Array {
    const size = end - start;
    if (size === 0) return sha256(new Uint8Array(0));
    if (Number.isInteger(Math.log2(size))) return this.#levels[Math.log2(size)]![start / size]!;
    const middle = start + split(size);
    return sha256(NODE, this.#span(start, middle), this.#span(middle, end));
  }
}

/** MTH (FUN-3) of data, which is hashed into leaves here. */
export function rootOf(data: readonly Uint8Array[]): Uint8Array {
  const tree = new Tree();
  for (const item of data) tree.append(sha256(LEAF, item));
  return tree.root();
}

/** The largest power of two below `size`, which is at least 2. */
function split(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

/** RFC 9162 2.1.3.2. Raises `bad_proof` (TREE-3). */
export function verifyInclusion(
  leaf: Uint8Array,
  place: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  if (place >= size) throw badProof(`place ${place} is not below size ${size}`);
  let [node, last, computed, used] = [place, size - 1, leaf, 0];
  for (; last > 0; node = half(node), last = half(last)) {
    if (node % 2 === 0 && node === last) continue; // no right neighbour at this height
    const neighbour = proof[used++];
    if (neighbour === undefined) throw badProof(`${proof.length} hashes are too few`);
    computed = node % 2 === 1 ? sha256(NODE, neighbour, computed) : sha256(NODE, computed, neighbour);
  }
  if (used !== proof.length) throw badProof(`${proof.length} hashes, ${used} expected`);
  if (!equal(computed, root)) throw badProof("it leads to another root");
}

/** RFC 9162 2.1.4.2. Raises `bad_proof` (TREE-3). */
export function verifyConsistency(
  oldSize: number,
  oldRoot: Uint8Array,
  size: number,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  if (oldSize > size) throw badProof(`a tree that shrinks from ${oldSize} to ${size}`);
  if (oldSize === 0 || oldSize === size) {
    const expected = oldSize === 0 ? sha256(new Uint8Array(0)) : root;
    if (proof.length !== 0) throw badProof(`${proof.length} hashes, none expected`);
    if (!equal(oldRoot, expected)) throw badProof("the old root is another one");
    return;
  }
  let [node, last] = [oldSize - 1, size - 1];
  for (; node % 2 === 1; node = half(node)) last = half(last);
  const hashes = node === 0 ? [oldRoot, ...proof] : [...proof];
  const first = hashes[0];
  if (first === undefined) throw badProof("no hashes");
  let [old, computed, used] = [first, first, 1];
  for (; last > 0; node = half(node), last = half(last)) {
    if (node % 2 === 0 && node === last) continue;
    const neighbour = hashes[used++];
    if (neighbour === undefined) throw badProof(`${proof.length} hashes are too few`);
    if (node % 2 === 1) {
      old = sha256(NODE, neighbour, old);
      computed = sha256(NODE, neighbour, computed);
    } else {
      computed = sha256(NODE, computed, neighbour);
    }
  }
  if (used !== hashes.length) throw badProof(`${proof.length} hashes are too many`);
  if (!equal(old, oldRoot)) throw badProof("it leads to another old root");
  if (!equal(computed, root)) throw badProof("it leads to another new root");
}

/** Sizes reach 2^53-1, where `>>` would cut. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function badProof(what: string): ProtocolError {
  return new ProtocolError("bad_proof", `Merkle proof: ${what}`);
}
