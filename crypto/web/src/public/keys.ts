/** Keys, signatures and the ids made of keys (PROTOCOL 1.5). Verification is libsodium's and nobody else's. */
import { concat, utf8 } from "./bytes.ts";
import { encode, type ValueMap } from "./encoding.ts";
import { ProtocolError } from "./errors.ts";
import { labelled, sha256 } from "./primitives.ts";
import { sodium } from "./sodium.ts";

export const KEY_SIZE = 32;
export const SIGNATURE_SIZE = 64;
export const ID_SIZE = 16;

/** What a signature is for; it goes into what is signed, so that none passes as another (KEY-4, A13). */
export type SignatureType = "entry" | "enrol" | "login" | "governance" | "admin-root";

const PREFIXES: { readonly [type in SignatureType]: Uint8Array } = {
  entry: prefix("entry"),
  enrol: prefix("enrol"),
  login: prefix("login"),
  governance: prefix("governance"),
  "admin-root": prefix("admin-root"),
};

function prefix(type: string): Uint8Array {
  return utf8(`CENcomm/v1/${type}\0`);
}

/** An Ed25519 key pair. The secret half does not show in logs: it is private to the class. */
export class SigningKey {
  readonly public: Uint8Array;
  readonly #secret: Uint8Array;

  private constructor(publicKey: Uint8Array, secret: Uint8Array) {
    this.public = publicKey;
    this.#secret = secret;
  }

  /** From `seed[32]`; raises `bad_key` for another length. */
  static fromSeed(seed: Uint8Array): SigningKey {
    expectSeed(seed, "signing");
    const pair = sodium().crypto_sign_seed_keypair(seed);
    return new SigningKey(pair.publicKey, pair.privateKey);
  }

  /** SIG (FUN-4): 64 bytes over "CENcomm/v1/" || type || 0x00 || parts. */
  sign(type: SignatureType, ...parts: readonly Uint8Array[]): Uint8Array {
    return this.signBare(concat(PREFIXES[type], ...parts));
  }

  /** Without prefix: for notes and cosignatures, by keys that sign nothing else (1.5). */
  signBare(message: Uint8Array): Uint8Array {
    return sodium().crypto_sign_detached(message, this.#secret);
  }
}

function expectSeed(seed: Uint8Array, what: string): void {
  if (seed.length !== KEY_SIZE) {
    throw new ProtocolError("bad_key", `a ${what} seed of ${seed.length} bytes read, ${KEY_SIZE} expected`);
  }
}

/** An X25519 key pair. The secret half is `secret`, which no default rendering shows. */
export class BoxKey {
  readonly public: Uint8Array;
  readonly #secret: Uint8Array;

  constructor(publicKey: Uint8Array, secret: Uint8Array) {
    this.public = publicKey;
    this.#secret = secret;
  }

  /** BOXSEED: from `seed[32]`; raises `bad_key` for another length. */
  static fromSeed(seed: Uint8Array): BoxKey {
    expectSeed(seed, "box");
    const pair = sodium().crypto_box_seed_keypair(seed);
    return new BoxKey(pair.publicKey, pair.privateKey);
  }

  get secret(): Uint8Array {
    return this.#secret;
  }
}

/** Raise `bad_signature` unless `signature` is SIG(key, type, parts) (KEY-3). */
export function verify(
  key: Uint8Array,
  type: SignatureType,
  signature: Uint8Array,
  ...parts: readonly Uint8Array[]
): void {
  if (!verifies(key, concat(PREFIXES[type], ...parts), signature)) {
    throw new ProtocolError("bad_signature", `no signature of type ${type} over these bytes by this key`);
  }
}

/** Ed25519 without prefix, by libsodium: cofactorless, strict about S, R and the key (KEY-3). */
export function verifies(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_SIZE &&
    key.length === KEY_SIZE &&
    sodium().crypto_sign_verify_detached(signature, message, key)
  );
}

/** Raise `bad_key` unless a log may take `key` as a signing key (KEY-1, A12). */
export function checkSigningKey(key: Uint8Array): void {
  if (key.length !== KEY_SIZE || !sodium().crypto_core_ed25519_is_valid_point(key)) {
    throw new ProtocolError(
      "bad_key",
      `a signing key of ${key.length} bytes; 32 expected that encode a point of the prime-order subgroup`,
    );
  }
}

/** Raise `bad_key` unless a log may take `key` as a box key (KEY-2, A12, A47). */
export function checkBoxKey(key: Uint8Array): void {
  if (key.length !== KEY_SIZE || !isCanonical(key) || isSmallOrder(key)) {
    throw new ProtocolError(
      "bad_key",
      `a box key of ${key.length} bytes; 32 expected, below 2^255-19 and not of small order`,
    );
  }
}

/** Below 2^255-19, read as little-endian with all 256 bits. */
function isCanonical(key: Uint8Array): boolean {
  if (key[31]! !== 0x7f) return key[31]! < 0x7f;
  for (let place = 30; place > 0; place--) if (key[place]! !== 0xff) return true;
  return key[0]! < 0xed;
}

function isSmallOrder(key: Uint8Array): boolean {
  try {
    sodium().crypto_scalarmult(ANY_SCALAR, key);
    return false;
  } catch {
    return true; // libsodium refuses a product that is zero
  }
}

// A scalar is clamped to a multiple of eight, so small orders give zero whatever it is.
const ANY_SCALAR = new Uint8Array(KEY_SIZE).fill(1);

/** KEY-6; 16 bytes. */
export function deviceId(signPk: Uint8Array): Uint8Array {
  return labelled("device", signPk).slice(0, ID_SIZE);
}

/** KEY-6; 16 bytes, from the first root key. */
export function administrationId(rootKey: Uint8Array): Uint8Array {
  return sha256(rootKey).slice(0, ID_SIZE);
}

/** What a proof of possession signs (KEY-7): directory id[32] || person[16] || box_pk[32]. */
export function enrolMessage(directory: Uint8Array, person: Uint8Array, boxPk: Uint8Array): Uint8Array {
  return concat(directory, person, boxPk);
}

/** What a root signs (KEY-8): `directory` is 32 zero bytes in the directory's genesis. */
export function rootMessage(directory: Uint8Array, body: ValueMap): Uint8Array {
  const { sigs: _, ...signed } = body;
  return concat(directory, sha256(encode(signed)));
}
