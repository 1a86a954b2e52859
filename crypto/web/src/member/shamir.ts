/**
 * Shamir's sharing over GF(2^8) with polynomial 0x11b, byte by byte (PROTOCOL 8.9).
 *
 * Places are public, bytes of secrets are not: a secret byte is only ever shifted and masked, never
 * an index into a table and never a condition.
 */

import { ProtocolError } from "../public/errors.ts";

export const SHARE_SIZE = 32;
export const MAX_SHARES = 16;

/**
 * Shares f(1) .. f(count) of f(x) = secret + a1 x + a2 x^2 + ..., 32 bytes each.
 *
 * `coefficients` are a1 .. a(k-1), 32 bytes each; any k of the shares give the secret back. Throws
 * ProtocolError `bad_audit_set` unless 2 <= k <= count <= 16 (ESC-5).
 */
export function split(
  secret: Uint8Array,
  coefficients: readonly Uint8Array[],
  count: number,
): Uint8Array[] {
  const k = coefficients.length + 1;
  if (!(k >= 2 && k <= count && count <= MAX_SHARES)) {
    throw new ProtocolError(
      "bad_audit_set",
      `${k} of ${count} read, 2 <= k <= n <= ${MAX_SHARES} expected`,
    );
  }
  const shares = [];
  for (let x = 1; x <= count; x += 1) {
    const share = new Uint8Array(SHARE_SIZE); // Horner's rule, from the highest power down
    for (const term of [...coefficients].reverse()) {
      addInto(share, term);
      multiplyInto(share, x);
    }
    addInto(share, secret);
    shares.push(share);
  }
  return shares;
}

/**
 * f(0) from place -> share, by Lagrange.
 *
 * With a false share or too few of them the result is 32 other bytes, never an error (ESC-5): the
 * caller holds it against a commitment.
 */
export function combine(shares: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const secret = new Uint8Array(SHARE_SIZE);
  for (const [x, share] of shares) {
    let weight = 1; // of this share at 0: the product of other / (other - x), where - is xor
    for (const other of shares.keys()) {
      if (other !== x) {
        weight = times(weight, times(other, inverse(other ^ x)));
      }
    }
    const term = share.slice();
    multiplyInto(term, weight);
    addInto(secret, term);
  }
  return secret;
}

function addInto(sum: Uint8Array, term: Uint8Array): void {
  for (let i = 0; i < sum.length; i += 1) {
    sum[i] = sum[i]! ^ term[i]!;
  }
}

/** Each byte of `elements` times the public `factor`, in place. */
function multiplyInto(elements: Uint8Array, factor: number): void {
  for (let i = 0; i < elements.length; i += 1) {
    elements[i] = times(elements[i]!, factor);
  }
}

/** The product of two field elements; only `factor` decides what is done, so it is the public one. */
function times(element: number, factor: number): number {
  let product = 0;
  let power = element; // element times x^bit
  for (let bits = factor; bits > 0; bits >>= 1) {
    if (bits & 1) {
      product ^= power;
    }
    power = ((power << 1) ^ (0x11b & -(power >> 7))) & 0xff;
  }
  return product;
}

/** 1 / element for a public element; places are few, so it is searched for. */
function inverse(element: number): number {
  let found = 1;
  while (times(element, found) !== 1) {
    found += 1;
  }
  return found;
}
