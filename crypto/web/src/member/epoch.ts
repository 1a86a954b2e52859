/**
 * The epoch: one secret per rotate, and every key that comes from it (PROTOCOL 8.1).
 *
 * The context binds an epoch to suite, log, channel, number and previous epoch (A7); commitments
 * make what is sealed open under one secret only (A9).
 *
 * Secrets are overwritten where this code is done with them (`wipe`). That is as much as can be done
 * here: JavaScript may have moved or copied the bytes before, and libsodium's memory keeps what was
 * passed through it until it is used again.
 */

import { ProtocolError } from "../public/errors.ts";
import { BoxKey } from "../public/keys.ts";
import { concat, u16, u64 } from "../public/bytes.ts";
import { kdf, keyed, sameSecret, sha256 } from "../public/primitives.ts";
import { sodium } from "../public/sodium.ts";
import { openOnce, sealOnce } from "./sealing.ts";

export const SECRET_SIZE = 32;
export const NO_EPOCH = new Uint8Array(32); // stands for the commit of p where p = 0

const MESSAGE_KEYS = 1; // subkeys of K
const PREVIOUS_LINK = 2;
const DROP_KEYS = 3;

/** c: what an epoch is of. */
export class EpochContext {
  /** u16 suite || log id[16] || chan id[16] || u64 n || commit of p[32]; 74 bytes. */
  readonly encoded: Uint8Array;
  /** H(c), 32 bytes. */
  readonly digest: Uint8Array;
  readonly log: Uint8Array;
  readonly chan: Uint8Array;
  /** From 1. */
  readonly n: number;
  readonly previousCommit: Uint8Array;
  readonly suite: number;

  constructor(log: Uint8Array, chan: Uint8Array, n: number, previousCommit: Uint8Array = NO_EPOCH, suite = 1) {
    this.log = log;
    this.chan = chan;
    this.n = n;
    this.previousCommit = previousCommit;
    this.suite = suite;
    this.encoded = concat(u16(suite), log, chan, u64(n), previousCommit);
    this.digest = sha256(this.encoded);
  }
}

/** E of one epoch with its context, and what comes from both. */
export class EpochSecret {
  /** E: 32 random bytes, drawn for this one rotate (EPO-2). */
  readonly secret: Uint8Array;
  readonly context: EpochContext;
  readonly #derived = new Map<string, Uint8Array>();
  #dropKeys: BoxKey | undefined;
  #closeKey: CloseKey | undefined;

  constructor(secret: Uint8Array, context: EpochContext) {
    if (secret.length !== SECRET_SIZE) {
      throw new ProtocolError(
        "bad_commit",
        `an epoch secret of ${secret.length} bytes read, ${SECRET_SIZE} expected`,
      );
    }
    this.secret = secret;
    this.context = context;
  }

  /** B(E, "commit", c): public, in the rotate. */
  get commit(): Uint8Array {
    return this.#once("commit", () => this.derive("commit"));
  }

  /** B(KC, "close", c): public, in the rotate. */
  get closeCommit(): Uint8Array {
    return this.closeKey.commit;
  }

  /** K1, from which each message's key comes. */
  get messageKey(): Uint8Array {
    return this.#once("K1", () => this.#subkey(MESSAGE_KEYS));
  }

  /** K2, which seals E(p) in prev_link. */
  get linkKey(): Uint8Array {
    return this.#once("K2", () => this.#subkey(PREVIOUS_LINK));
  }

  /** The pair whose public half bots seal to. */
  get dropKeys(): BoxKey {
    this.#dropKeys ??= BoxKey.fromSeed(this.#subkey(DROP_KEYS));
    return this.#dropKeys;
  }

  /** KC: secret until the channel is over, then revealed. */
  get closeKey(): CloseKey {
    this.#closeKey ??= new CloseKey(this.derive("close-key"), this.context);
    return this.#closeKey;
  }

  /** S = B(E, "audit", c), which is split among the auditors. */
  get auditSecret(): Uint8Array {
    return this.#once("audit", () => this.derive("audit"));
  }

  /** B(E, label, c || parts). */
  derive(label: string, ...parts: Uint8Array[]): Uint8Array {
    return keyed(this.secret, label, this.context.encoded, ...parts);
  }

  /** EPO-1 against a rotate's commit; raises `bad_commit`. */
  check(commit: Uint8Array): void {
    if (!sameSecret(this.commit, commit)) {
      throw new ProtocolError(
        "bad_commit",
        "the epoch secret is not the one that the rotate commits to",
      );
    }
  }

  /** prev_link = once(K2, H(c), E(p)), 48 bytes. */
  sealLink(previous: EpochSecret): Uint8Array {
    return sealOnce(this.linkKey, this.context.digest, previous.secret);
  }

  /**
   * E(p) from prev_link.
   *
   * Raises: `cannot_open`, or `bad_commit` where what opened is not what epoch p
   * commits to (EPO-1).
   */
  openLink(sealed: Uint8Array, previous: EpochContext, commit: Uint8Array): EpochSecret {
    const opened = openOnce(this.linkKey, this.context.digest, sealed);
    const found = new EpochSecret(opened, previous);
    found.check(commit);
    return found;
  }

  /** Overwrite E and all that was derived from it; the object is of no use afterwards. */
  wipe(): void {
    for (const key of this.#derived.values()) {
      sodium().memzero(key);
    }
    this.#derived.clear();
    if (this.#dropKeys) {
      sodium().memzero(this.#dropKeys.secret);
    }
    if (this.#closeKey) {
      sodium().memzero(this.#closeKey.key);
    }
    sodium().memzero(this.secret);
  }

  #subkey(index: number): Uint8Array {
    return kdf(
      this.#once("K", () => this.derive("epoch")),
      index,
    );
  }

  #once(name: string, derive: () => Uint8Array): Uint8Array {
    let found = this.#derived.get(name);
    if (found === undefined) {
      found = derive();
      this.#derived.set(name, found);
    }
    return found;
  }
}

/** KC of one epoch: proves itself against close_commit, opens prev_close and, with S, the escrow. */
export class CloseKey {
  readonly key: Uint8Array;
  readonly context: EpochContext;
  #commit: Uint8Array | undefined;

  constructor(key: Uint8Array, context: EpochContext) {
    this.key = key;
    this.context = context;
  }

  /** B(KC, "close", c). */
  get commit(): Uint8Array {
    this.#commit ??= keyed(this.key, "close", this.context.encoded);
    return this.#commit;
  }

  /** CLO-1 against a rotate's close_commit; raises `bad_commit`. */
  check(closeCommit: Uint8Array): void {
    if (this.key.length !== SECRET_SIZE || !sameSecret(this.commit, closeCommit)) {
      throw new ProtocolError(
        "bad_commit",
        "the close key is not the one that the rotate commits to",
      );
    }
  }

  /** prev_close = once(B(KC, "prev-close", c), H(c), KC(p)), 48 bytes. */
  sealPrevious(previous: CloseKey): Uint8Array {
    return sealOnce(this.#previousKey(), this.context.digest, previous.key);
  }

  /** KC(p) from prev_close; raises as `EpochSecret.openLink` does. */
  openPrevious(sealed: Uint8Array, previous: EpochContext, closeCommit: Uint8Array): CloseKey {
    const opened = openOnce(this.#previousKey(), this.context.digest, sealed);
    const found = new CloseKey(opened, previous);
    found.check(closeCommit);
    return found;
  }

  #previousKey(): Uint8Array {
    return keyed(this.key, "prev-close", this.context.encoded);
  }
}
