/**
 * What a page may ask of the worker, and how the two talk.
 *
 * The worker holds the epoch secrets and does all that takes time; bytes and plain objects cross. A
 * call is answered once, and its effect is there when it is answered with a result and not before.
 */
import type { ValueMap } from "../public/encoding.ts";
import type { Header } from "../public/entry.ts";
import type { Code, Rejection } from "../public/errors.ts";
import type { FlagReason } from "../member/flag.ts";
import type { Stretched } from "../member/login.ts";
import type { Payload, VisibleField } from "../member/payload.ts";
import type { RotateBody } from "../member/rotation.ts";
import type { Shown } from "../member/view.ts";

/** Names an epoch that the worker holds. */
export interface EpochName {
  readonly log: Uint8Array; // 16 bytes
  readonly chan: Uint8Array; // 16 bytes
  readonly n: number;
}

/** An epoch to hold: as a vault kept it, with the context that the verified log gives. */
export interface KeptEpoch extends EpochName {
  readonly secret: Uint8Array; // E
  /** Commit of p; absent where p = 0. */
  readonly previousCommit?: Uint8Array;
}

/** Who gets an epoch, by the rules (7.6), packed: a page copies two strings and not thousands. */
export interface PackedAudience {
  /** device id[16] || box_pk[32] of each, in order of device id. */
  readonly recipients: Uint8Array;
  /** Holders: u8 x || device id[16] || box_pk[32] of each, in order of (x, device id). */
  readonly audit?: { readonly k: number; readonly n: number; readonly holders: Uint8Array };
}

/** A signed entry as it travels. */
export interface SealedEntry {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

export type Opened =
  | { readonly payload: Payload; readonly forged: readonly VisibleField[] }
  | { readonly code: Code; readonly detail: string };

/** For the vault. */
export interface LearntEpoch {
  readonly n: number;
  readonly secret: Uint8Array;
}

export interface MadeRotation {
  readonly n: number;
  readonly body: RotateBody;
  readonly wraps: Uint8Array;
  readonly shares: Uint8Array;
  /** E, for the vault: the worker forgets it when it ends. */
  readonly secret: Uint8Array;
}

/** How far a log was followed. */
export interface Followed {
  readonly size: number;
  /** Of the tree over so many leaves; the page holds it against a checkpoint. */
  readonly root: Uint8Array;
  /** Entries without effect among those of this call; all of the log's if it was read anew. */
  readonly rejected: readonly (Rejection & { readonly seq: number })[];
  /** It was read anew, without what a log.restored called lost (11.2): what was shown before may not stand. */
  readonly anew: boolean;
  /** Why the item of place `size` was not taken; `directory_behind`: feed the directory, and ask again. */
  readonly stopped?: Rejection;
}

/** Names a channel of an operation that is followed. */
export interface ChannelName {
  readonly operation: Uint8Array; // 32 bytes
  readonly chan: Uint8Array; // 16 bytes
}

interface Call<Args, Result> {
  args: Args;
  result: Result;
}

export interface Calls {
  /** Load libsodium. `lock` is held as long as the worker lives, so that a page sees its end. */
  start: Call<{ readonly lock?: string }, null>;
  /** Log in (10.1); about a second. */
  stretch: Call<{ readonly password: string; readonly directory: Uint8Array; readonly account: string }, Stretched>;
  /** Hold epochs; each must be what its rotate commits to, or none is held (`bad_commit`). */
  keep: Call<{ readonly epochs: readonly (KeptEpoch & { readonly commit: Uint8Array })[] }, null>;
  /** Overwrite and forget epochs. */
  forget: Call<{ readonly epochs: readonly EpochName[] }, null>;
  /** Draw and hold the next epoch of a channel (8.3); tells of each wrap. `p` is held, 0 for none. */
  rotate: Call<
    { readonly epoch: EpochName; readonly p: number; readonly linked: boolean; readonly audience: PackedAudience },
    MadeRotation
  >;
  /** The same by the logs that are followed: context and recipients as the rules have them now (7.6). */
  next: Call<ChannelName & { readonly p: number }, MadeRotation>;
  /** Compute an accepted rotate again (ROT-4); refused with `rotation_mismatch` and the field. `n` is held. */
  check: Call<ChannelName & { readonly n: number }, null>;
  /** Hold the epoch in this device's wrap, and what it links; gives the secrets that are new, for the vault. */
  learn: Call<ChannelName & { readonly n: number; readonly wrap: Uint8Array; readonly boxSeed: Uint8Array }, LearntEpoch[]>;
  /** Follow the directory: items as they came (9.1). `id` is the pin, all 32 bytes. Cannot be cancelled. */
  directory: Call<{ readonly id: Uint8Array; readonly items: readonly Uint8Array[] }, Followed>;
  /** Follow an operation over it. */
  operation: Call<{ readonly id: Uint8Array; readonly items: readonly Uint8Array[] }, Followed>;
  /** What can be read of an operation with the epochs that are held, from place `from` on. */
  view: Call<{ readonly operation: Uint8Array; readonly from: number }, Shown[]>;
  /** The body of a message in an epoch that is held (8.5). */
  seal: Call<{ readonly header: Header; readonly payload: ValueMap }, Uint8Array>;
  /** The body of a drop, by who holds no epoch (8.6). */
  drop: Call<{ readonly header: Header; readonly dropPk: Uint8Array; readonly payload: ValueMap }, Uint8Array>;
  /** Payloads of accepted messages and drops, each or why not; tells of each. */
  open: Call<{ readonly entries: readonly SealedEntry[] }, Opened[]>;
}

export type CallName = keyof Calls;
export type Args<Name extends CallName> = Calls[Name]["args"];
export type Result<Name extends CallName> = Calls[Name]["result"];

export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** To the worker. */
export type Request = { readonly id: number; readonly name: CallName; readonly args: unknown };
export type Cancel = { readonly cancel: number };

/** An error as it crosses. */
export interface Failure {
  readonly code: Code;
  readonly detail: string;
  readonly reason?: FlagReason;
}

/** From the worker. */
export type Answer =
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure };
