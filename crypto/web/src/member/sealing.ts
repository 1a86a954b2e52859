/**
 * The seals that epochs, wraps, shares and messages are made of (PROTOCOL 1.3).
 *
 * Every failure to open is the same error with the same sentence: a stranger learns that, not why.
 */

import { CencommError, ProtocolError } from "../public/errors.ts";
import type { BoxKey } from "../public/keys.ts";
import { concat } from "../public/bytes.ts";
import { sodium } from "../public/sodium.ts";

export const TAG_SIZE = 16;
export const SEALED_BOX_OVERHEAD = 48; // ephemeral key[32] || tag[16]

const BOX_KEY_SIZE = 32;
const BOX_NONCE_SIZE = 24;
const ZERO_NONCE = new Uint8Array(24);

/** The one error for sealed bytes that do not open (PROTOCOL 1.6). */
export function cannotOpen(): ProtocolError {
  return new ProtocolError("cannot_open", "the sealed bytes do not open with this key");
}

/** What `open` gives; whatever it throws becomes `cannot_open`. */
export function orCannotOpen<Opened>(open: () => Opened): Opened {
  try {
    return open();
  } catch (error) {
    throw isLocal(error) ? error : cannotOpen();
  }
}

/** Whether it is about this machine and not about the bytes. */
function isLocal(error: unknown): boolean {
  return error instanceof CencommError && !(error instanceof ProtocolError);
}

/** AEAD(key, nonce, ad, plain): ciphertext || tag[16]. */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  return sodium().crypto_aead_xchacha20poly1305_ietf_encrypt(plain, ad, null, nonce, key);
}

/** Opens `seal`; raises `cannot_open`. */
export function unseal(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  return orCannotOpen(() =>
    sodium().crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, ad, nonce, key),
  );
}

/**
 * once(key, ad, plain), FUN-5: for a key that seals one value in its life.
 *
 * The nonce of zeros is safe only because the key comes from an epoch secret that was drawn for one
 * rotate (EPO-2).
 */
export function sealOnce(key: Uint8Array, ad: Uint8Array, plain: Uint8Array): Uint8Array {
  return seal(key, ZERO_NONCE, ad, plain);
}

/**
 * Opens `sealOnce`; raises `cannot_open`.
 *
 * The seal does not commit to its key: who calls holds the result against a commitment (A9).
 */
export function openOnce(key: Uint8Array, ad: Uint8Array, sealed: Uint8Array): Uint8Array {
  return unseal(key, ZERO_NONCE, ad, sealed);
}

/**
 * SEAL(seed, plain, pk), FUN-6: a sealed box whose ephemeral key comes from `seed`, 32 bytes;
 * epk[32] || tag[16] || ciphertext. `crypto_box_seal_open` opens it.
 *
 * Raises `bad_key` for a key of small order, which the rules refuse already (KEY-2).
 */
export function sealBox(seed: Uint8Array, plain: Uint8Array, pk: Uint8Array): Uint8Array {
  if (pk.length !== BOX_KEY_SIZE) {
    throw unusableKey();
  }
  const ephemeral = sodium().crypto_box_seed_keypair(seed);
  try {
    const nonce = sodium().crypto_generichash(
      BOX_NONCE_SIZE,
      concat(ephemeral.publicKey, pk),
      null,
    );
    const box = sodium().crypto_box_easy(plain, nonce, pk, ephemeral.privateKey);
    return concat(ephemeral.publicKey, box);
  } catch (error) {
    throw isLocal(error) ? error : unusableKey();
  } finally {
    sodium().memzero(ephemeral.privateKey);
  }
}

/** The `size` bytes in a sealed box; raises `cannot_open`. */
export function openBox(sealed: Uint8Array, key: BoxKey, size: number): Uint8Array {
  if (sealed.length !== size + SEALED_BOX_OVERHEAD) {
    throw cannotOpen();
  }
  return orCannotOpen(() => sodium().crypto_box_seal_open(sealed, key.public, key.secret));
}

function unusableKey(): ProtocolError {
  return new ProtocolError("bad_key", "nothing can be sealed to this box key; a checked one expected");
}
