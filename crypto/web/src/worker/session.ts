/** What the worker does for each call, and the epochs that it holds. Draws what is random. */
import { concat, fromHex, hex } from "../public/bytes.ts";
import { parse, type Entry } from "../public/entry.ts";
import { CencommError, ProtocolError } from "../public/errors.ts";
import { BoxKey } from "../public/keys.ts";
import { epochOf } from "../public/operation/epochs.ts";
import { sameSecret } from "../public/primitives.ts";
import { loadSodium, sodium } from "../public/sodium.ts";
import { openDrop, sealDrop } from "../member/drop.ts";
import { EpochContext, EpochSecret, NO_EPOCH, SECRET_SIZE } from "../member/epoch.ts";
import { claimOf, contextAt, earlierEpochs, nextEpoch } from "../member/links.ts";
import { stretch } from "../member/login.ts";
import { NONCE_SIZE, openMessage, SALT_SIZE, sealMessage } from "../member/message.ts";
import { forgedFields } from "../member/payload.ts";
import {
  checkingRotation,
  makingRotation,
  type Audience,
  type Recipient,
  type ShareHolder,
  type Steps,
} from "../member/rotation.ts";
import { view, type Held } from "../member/view.ts";
import { openWrap } from "../member/wrap.ts";
import { Ahead, type Verifier } from "./ahead.ts";
import type { Args, CallName, EpochName, Followed, Opened, PackedAudience, Result, SealedEntry } from "./calls.ts";
import { Logs } from "./logs.ts";

/**
 * A call at work: gives how much is done, and at last its result with what has to happen for it.
 *
 * Nothing outside it changes before `commit` runs, which it does at once or not at all.
 */
export interface Work<Name extends CallName> {
  readonly total: number;
  /** Of what takes effect step by step: it goes on to its end. */
  readonly cancellable?: boolean;
  readonly steps: Steps<{ readonly result: Result<Name>; readonly commit?: () => void }>;
}

export type Handlers = { readonly [Name in CallName]: (args: Args<Name>) => Work<Name> | Promise<Work<Name>> };

export class Session {
  readonly #epochs = new Map<string, EpochSecret>();
  readonly #logs: Logs;
  /** Payloads go with their epochs: see `forget`. */
  #read: NonNullable<Held["opened"]> = new WeakMap();

  /** `verifier` starts a second worker, where there can be one. */
  constructor(verifier: () => Verifier | undefined = () => undefined) {
    this.#logs = new Logs(new Ahead(verifier));
  }

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
        this.#read = new WeakMap();
      }),

    rotate: ({ epoch: { log, chan, n }, p, linked, audience }) => {
      const previous = p === 0 ? undefined : this.#epoch({ log, chan, n: p });
      const context = new EpochContext(log, chan, n, previous === undefined ? NO_EPOCH : previous.commit);
      const secret = new EpochSecret(random(SECRET_SIZE), context); // of this one rotate (EPO-2)
      const unpacked = unpack(audience);
      return { total: unpacked.recipients.length, steps: this.#rotating(secret, previous, linked, unpacked) };
    },

    next: ({ operation, chan, p }) => {
      const { state, channel, view: directory } = this.#logs.at(operation, chan);
      const previous = p === 0 ? undefined : this.#epoch({ log: operation.slice(0, 16), chan, n: p });
      const { secret, audience } = nextEpoch(state, channel, directory, random(SECRET_SIZE), previous);
      const linked = state.history === "all";
      return { total: audience.recipients.length, steps: this.#rotating(secret, previous, linked, audience) };
    },

    check: ({ operation, chan, n }) => {
      const { state, channel } = this.#logs.at(operation, chan);
      const log = operation.slice(0, 16);
      const claim = claimOf(state, channel, n, this.#logs.directoryAt(epochOf(channel, n).watermark));
      const previous = this.#epochs.get(keyOf({ log, chan, n: Number(claim.body.p) }));
      const steps = checkingRotation(claim, this.#epoch({ log, chan, n }), previous);
      return { total: claim.audience.recipients.length, steps: nothing(steps) };
    },

    learn: ({ operation, chan, n, wrap, boxSeed }) => {
      const { state, channel } = this.#logs.at(operation, chan);
      const { commit } = epochOf(channel, n);
      const found = openWrap(wrap, BoxKey.fromSeed(boxSeed), contextAt(state, channel, n), commit);
      const read = [found, ...earlierEpochs(state, channel, found)].filter(({ context }) => !this.#epochs.has(keyOf(context)));
      const result = read.map(({ context, secret }) => ({ n: context.n, secret: secret.slice() }));
      return atOnce(result, () => read.forEach((epoch) => this.#hold(epoch)));
    },

    directory: ({ id, items }) => following(items, this.#logs.followDirectory(id, items)),

    operation: ({ id, items }) => following(items, this.#logs.followOperation(id, items)),

    view: ({ operation, from }) => {
      const log = operation.slice(0, 16);
      const secretOf = (chan: string, n: number): EpochSecret | undefined => {
        const found = this.#epochs.get(keyOf({ log, chan: fromHex(chan), n }));
        const commit = held.state.channels.get(chan)?.epochs.get(n)?.commit;
        return found !== undefined && commit !== undefined && sameSecret(found.commit, commit) ? found : undefined;
      };
      const held = this.#logs.held(operation, secretOf, this.#read);
      return atOnce(view(held, from));
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
    let made = false;
    try {
      const { n, body, wraps, shares } = yield* makingRotation(secret, previous, linked, audience);
      made = true;
      // A copy crosses: what the session holds is wiped with the epoch.
      const result = { n, body, wraps, shares, secret: secret.secret.slice() };
      return { result, commit: () => this.#hold(secret) };
    } finally {
      if (!made) secret.wipe(); // nobody will ever have it (EPO-2)
    }
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

/** Each item takes effect as it is read, so nothing is left for the end. */
function following(items: readonly Uint8Array[], steps: Steps<Followed>): Work<"directory"> & Work<"operation"> {
  function* all(): Steps<{ result: Followed }> {
    return { result: yield* steps };
  }
  return { total: items.length, cancellable: false, steps: all() };
}

function* nothing(steps: Steps<void>): Steps<{ result: null }> {
  yield* steps;
  return { result: null };
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
