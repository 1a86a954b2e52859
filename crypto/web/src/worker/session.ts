/** What the worker does for each call, and the epochs that it holds. Draws what is random. */
import { concat, hex } from "../public/bytes.ts";
import { parse, type Entry } from "../public/entry.ts";
import { CencommError, ProtocolError } from "../public/errors.ts";
import { loadSodium, sodium } from "../public/sodium.ts";
import { openDrop, sealDrop } from "../member/drop.ts";
import { EpochContext, EpochSecret, NO_EPOCH, SECRET_SIZE } from "../member/epoch.ts";
import { stretch } from "../member/login.ts";
import { NONCE_SIZE, openMessage, SALT_SIZE, sealMessage } from "../member/message.ts";
import { forgedFields } from "../member/payload.ts";
import { makingRotation, type Audience, type Recipient, type ShareHolder, type Steps } from "../member/rotation.ts";
import type { Args, CallName, EpochName, Opened, PackedAudience, Result, SealedEntry } from "./calls.ts";

/**
 * A call at work: gives how much is done, and at last its result with what has to happen for it.
 *
 * Nothing outside it changes before `commit` runs, which it does at once or not at all.
 */
export interface Work<Name extends CallName> {
  readonly total: number;
  readonly steps: Steps<{ readonly result: Result<Name>; readonly commit?: () => void }>;
}

export type Handlers = { readonly [Name in CallName]: (args: Args<Name>) => Work<Name> | Promise<Work<Name>> };

export class Session {
  readonly #epochs = new Map<string, EpochSecret>();

  readonly handlers: Handlers = {
    start: async ({ lock }) => {
      await loadSodium();
      if (lock !== undefined) await holdForLife(lock);
      return atOnce(null);
    },

    stretch: ({ password, directory, account }) => atOnce(stretch(password, directory, account)),

    keep: ({ epochs }) => {
      const read = epochs.map(({ secret, log, chan, n, previousCommit, commit }) => {
        const found = new EpochSecret(secret, new EpochContext(log, chan, n, previousCommit ?? NO_EPOCH));
        found.check(commit);
        return found;
      });
      return atOnce(null, () => read.forEach((epoch) => this.#hold(epoch)));
    },

    forget: ({ epochs }) =>
      atOnce(null, () => {
        for (const name of epochs) {
          this.#epochs.get(keyOf(name))?.wipe();
          this.#epochs.delete(keyOf(name));
        }
      }),

    rotate: ({ epoch: { log, chan, n }, p, linked, audience }) => {
      const previous = p === 0 ? undefined : this.#epoch({ log, chan, n: p });
      const context = new EpochContext(log, chan, n, previous === undefined ? NO_EPOCH : previous.commit);
      const secret = new EpochSecret(random(SECRET_SIZE), context); // of this one rotate (EPO-2)
      const unpacked = unpack(audience);
      return { total: unpacked.recipients.length, steps: this.#rotating(secret, previous, linked, unpacked) };
    },

    seal: ({ header, payload }) => {
      const { log, chan, epoch } = header;
      if (log === undefined || chan === undefined || epoch === undefined) {
        throw new ProtocolError("malformed", "header: log, chan and epoch expected");
      }
      const secret = this.#epoch({ log, chan, n: epoch });
      return atOnce(sealMessage(header, secret, payload, random(NONCE_SIZE), random(SALT_SIZE)));
    },

    drop: ({ header, dropPk, payload }) =>
      atOnce(
        sealDrop(header, dropPk, payload, {
          messageKey: random(32),
          nonce: random(NONCE_SIZE),
          salt: random(SALT_SIZE),
          ephemeralSeed: random(32),
        }),
      ),

    open: ({ entries }) => ({ total: entries.length, steps: this.#opening(entries) }),
  };

  *#rotating(
    secret: EpochSecret,
    previous: EpochSecret | undefined,
    linked: boolean,
    audience: Audience,
  ): Work<"rotate">["steps"] {
    const { n, body, wraps, shares } = yield* makingRotation(secret, previous, linked, audience);
    // A copy crosses: what the session holds is wiped with the epoch.
    const result = { n, body, wraps, shares, secret: secret.secret.slice() };
    return { result, commit: () => this.#hold(secret) };
  }

  *#opening(entries: readonly SealedEntry[]): Work<"open">["steps"] {
    const result: Opened[] = [];
    for (const { header, body, signature } of entries) {
      result.push(this.#opened(header, body, signature));
      yield result.length;
    }
    return { result };
  }

  #opened(header: Uint8Array, body: Uint8Array, signature: Uint8Array): Opened {
    try {
      const entry = parse(header, body, signature);
      const payload = this.#payload(entry);
      return { payload, forged: forgedFields(entry.header, payload) };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { code: error.code, detail: error.detail };
    }
  }

  #payload(entry: Entry): ReturnType<typeof openMessage> {
    const { type, log, chan, epoch } = entry.header;
    if (log === undefined || chan === undefined || epoch === undefined) {
      throw new ProtocolError("wrong_type", `a ${type} read, message or drop expected`);
    }
    const secret = this.#epoch({ log, chan, n: epoch });
    return type === "drop" ? openDrop(entry, secret) : openMessage(entry, secret);
  }

  #epoch(name: EpochName): EpochSecret {
    const found = this.#epochs.get(keyOf(name));
    if (found === undefined) {
      throw new ProtocolError("no_epoch_key", `no secret of epoch ${name.n} of channel ${hex(name.chan)} is here`);
    }
    return found;
  }

  /** In place of another of this number: of a rotate that was not appended, which is thrown away (EPO-2). */
  #hold(epoch: EpochSecret): void {
    this.#epochs.get(keyOf(epoch.context))?.wipe();
    this.#epochs.set(keyOf(epoch.context), epoch);
  }
}

function atOnce<Value>(
  result: Value,
  commit?: () => void,
): { total: number; steps: Steps<{ result: Value; commit?: () => void }> } {
  function* steps(): Steps<{ result: Value; commit?: () => void }> {
    return commit === undefined ? { result } : { result, commit };
  }
  return { total: 0, steps: steps() };
}

function keyOf({ log, chan, n }: EpochName): string {
  return hex(concat(log, chan)) + n;
}

function random(size: number): Uint8Array {
  return sodium().randombytes_buf(size);
}

const RECIPIENT_SIZE = 16 + 32;
const HOLDER_SIZE = 1 + RECIPIENT_SIZE;

function unpack({ recipients, audit }: PackedAudience): Audience {
  const found = rows(recipients, RECIPIENT_SIZE).map(recipient);
  if (audit === undefined) return { recipients: found };
  const holders = rows(audit.holders, HOLDER_SIZE).map(
    (row): ShareHolder => ({ x: row[0]!, ...recipient(row.subarray(1)) }),
  );
  return { recipients: found, audit: { k: audit.k, n: audit.n, holders } };
}

function recipient(row: Uint8Array): Recipient {
  return { device: row.subarray(0, 16), boxPk: row.subarray(16) };
}

function rows(packed: Uint8Array, size: number): Uint8Array[] {
  if (packed.length % size !== 0) {
    throw new ProtocolError("malformed", `${packed.length} packed bytes read, a multiple of ${size} expected`);
  }
  return Array.from({ length: packed.length / size }, (_, place) => packed.subarray(place * size, (place + 1) * size));
}

/** Hold a lock until the worker's end, whatever ends it: then the page is given it. */
function holdForLife(name: string): Promise<void> {
  return new Promise((held, refused) => {
    if (typeof navigator === "undefined" || navigator.locks === undefined) {
      refused(new CencommError("internal", "no locks here, though the page has them"));
      return;
    }
    navigator.locks
      .request(name, () => {
        held();
        return new Promise(() => {});
      })
      .catch(refused);
  });
}
