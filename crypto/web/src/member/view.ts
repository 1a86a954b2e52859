/**
 * What a member can read of an operation: its messages and drops opened, and told what is odd about
 * them.
 *
 * Nothing is left out: what does not open stays, with its reason, and an entry without effect is shown
 * with its rejection. Rules about what is sealed are client rules (PROTOCOL 2): who breaks one has
 * sent a valid entry, and readers say so.
 */
import { hex } from "../public/bytes.ts";
import type { DirectoryView } from "../public/directory/state.ts";
import type { Entry } from "../public/entry.ts";
import { ProtocolError, type Rejection } from "../public/errors.ts";
import type { ChannelId, DeviceId, PersonId } from "../public/ids.ts";
import type { OperationState } from "../public/operation/state.ts";
import { BODY_IS_BYTES } from "../public/types.ts";
import type { Item } from "../public/wire.ts";
import { openDrop } from "./drop.ts";
import type { EpochSecret } from "./epoch.ts";
import { openMessage } from "./message.ts";
import { forgedFields, type Payload, type VisibleField } from "./payload.ts";
import { parseProfiles, PROFILE_KIND, type Profile } from "./profile.ts";

/** What a reader is told besides the content. */
export type Flag =
  | "after_revocation" // a revocation that this reader knows came before it (CLI-3)
  | "forged_metadata" // the header shows something else than what is sealed (MSG-3)
  | "misplaced" // work in the main channel, or a profile outside it (OPS-15)
  | "resealed" // of the same mid as one before it by the same device (CLI-4)
  | "time_differs" // the author's clock is more than ten minutes from the server's (CLI-2)
  | "unexpected_kind"; // a drop of a kind that its bot is not admitted for (DRP-3, A31)

/** A message, a drop, or an entry without effect. */
export interface Shown {
  readonly seq: number;
  readonly at: number;
  /** Its name in bodies and answers. */
  readonly leaf: Uint8Array;
  readonly type: string;
  readonly channel: ChannelId | undefined;
  readonly device: DeviceId;
  readonly person: PersonId | undefined;
  /** Why it has no effect; then nothing else is said of it. */
  readonly rejection?: Rejection;
  readonly payload?: Payload;
  /** Why there is no payload. */
  readonly failure?: Rejection;
  /** Of a payload of kind PRF in the main channel: those that count (PRF-1). */
  readonly profiles?: readonly Profile[];
  readonly forged: readonly VisibleField[];
  readonly flags: readonly Flag[];
}

/** What a view is of: verified logs, and the epochs that are at hand. */
export interface Held {
  readonly state: OperationState;
  /** Everything read of the operation, in its order, and by seq what has no effect. */
  readonly items: readonly Item[];
  readonly rejected: ReadonlyMap<number, Rejection>;
  /** The directory after its first `size` entries, undefined beyond what was read. */
  directoryAt(size: number): DirectoryView | undefined;
  /** Server time of each of its entries. */
  readonly directoryTimes: readonly number[];
  secretOf(channel: ChannelId, n: number): EpochSecret | undefined;
  /** What was opened before, and with which secret: who looks again and again keeps one. */
  readonly opened?: WeakMap<Entry, readonly [EpochSecret, Payload]>;
}

const CLAIM_TOLERANCE_MS = 600_000;

/** Messages, drops and entries without effect from place `from` on, as the newest state shows them. */
export function view(held: Held, from = 0): Shown[] {
  const first = new Map<string, Uint8Array>(); // by device and mid, the leaf that was first
  const kinds = new Map<PersonId, readonly string[]>(); // of bots, by their last admission
  const directory = held.directoryAt(held.directoryTimes.length);
  const rows: Shown[] = [];
  for (const item of held.items) {
    const { entry, seq } = item;
    if (entry === undefined) continue;
    const rejection = held.rejected.get(seq);
    const shown = rejection === undefined ? opened(held, item, entry, directory) : rejected(item, entry, rejection, directory);
    if (rejection === undefined && entry.header.type === "members.admit") noteKinds(kinds, entry);
    if (shown === undefined) continue;
    const flags = shown.payload === undefined ? [] : flagsOfPayload(held, shown, shown.payload, first, kinds);
    if (seq >= from) rows.push({ ...shown, flags: [...shown.flags, ...flags].sort() });
  }
  return rows;
}

function rejected(item: Item, entry: Entry, rejection: Rejection, directory: DirectoryView | undefined): Shown {
  return { ...placeOf(item, entry, directory), rejection, forged: [], flags: [] };
}

function placeOf(
  { seq, at, leaf }: Item,
  { header }: Entry,
  directory: DirectoryView | undefined,
): Pick<Shown, "seq" | "at" | "leaf" | "type" | "channel" | "device" | "person"> {
  const device = hex(header.device);
  const channel = header.chan === undefined ? undefined : hex(header.chan);
  return { seq, at, leaf, type: header.type, channel, device, person: directory?.device(device)?.person };
}

/** An accepted message or drop; undefined for other entries. */
function opened(held: Held, item: Item, entry: Entry, directory: DirectoryView | undefined): Shown | undefined {
  const { header } = entry;
  if (!BODY_IS_BYTES.has(header.type)) return undefined;
  const place = placeOf(item, entry, directory);
  const flags: Flag[] = [];
  if (Math.abs(header.time - item.at) > CLAIM_TOLERANCE_MS) flags.push("time_differs");
  if (!wasActive(held, place.device, item.at)) flags.push("after_revocation");
  try {
    const payload = payloadOf(held, entry);
    const forged = forgedFields(header, payload);
    if (forged.length > 0) flags.push("forged_metadata");
    if (payload.kind !== PROFILE_KIND || place.channel !== held.state.main) {
      return { ...place, payload, forged, flags };
    }
    try {
      const profiles = parseProfiles(payload.content).filter((one) => counts(one, place.person, directory));
      return { ...place, payload, profiles, forged, flags };
    } catch (error) {
      return { ...place, payload, failure: failureOf(error), forged, flags };
    }
  } catch (error) {
    return { ...place, failure: failureOf(error), forged: [], flags };
  }
}

function payloadOf(held: Held, entry: Entry): Payload {
  const { type, chan, epoch } = entry.header;
  const secret = held.secretOf(hex(chan!), epoch!);
  if (secret === undefined) {
    throw new ProtocolError("no_epoch_key", `no secret of epoch ${epoch} of the channel is here`);
  }
  const known = held.opened?.get(entry);
  if (known?.[0] === secret) return known[1];
  const payload = type === "drop" ? openDrop(entry, secret) : openMessage(entry, secret);
  held.opened?.set(entry, [secret, payload]);
  return payload;
}

function flagsOfPayload(
  held: Held,
  shown: Shown,
  payload: Payload,
  first: Map<string, Uint8Array>,
  kinds: ReadonlyMap<PersonId, readonly string[]>,
): Flag[] {
  const flags: Flag[] = [];
  if ((payload.kind === PROFILE_KIND) !== (shown.channel === held.state.main)) flags.push("misplaced");
  const admitted = shown.person === undefined ? undefined : kinds.get(shown.person);
  if (shown.type === "drop" && admitted !== undefined && !admitted.includes(payload.kind)) {
    flags.push("unexpected_kind");
  }
  const name = `${shown.device} ${hex(payload.mid)}`;
  if (first.has(name)) flags.push("resealed");
  else first.set(name, shown.leaf);
  return flags;
}

/** Whether the device was active when the directory stood as at server time `at`: also to who knows more than its author. */
function wasActive(held: Held, device: DeviceId, at: number): boolean {
  let [low, high] = [1, held.directoryTimes.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (held.directoryTimes[middle - 1]! <= at) low = middle;
    else high = middle - 1;
  }
  const directory = held.directoryAt(low);
  const found = directory?.device(device);
  return directory !== undefined && found !== undefined && directory.isActiveDevice(found);
}

/** PRF-1: of the author's administration, and with the directory's code (A53). */
function counts(profile: Profile, author: PersonId | undefined, directory: DirectoryView | undefined): boolean {
  const [person, by] = [directory?.person(hex(profile.person)), author && directory?.person(author)];
  return !!person && !!by && person.administration === by.administration && person.code === profile.code;
}

/** Of bots whose admission names kinds. */
function noteKinds(kinds: Map<PersonId, readonly string[]>, entry: Entry): void {
  const { members } = entry.body as unknown as { members: { person: Uint8Array; kinds?: string[] }[] };
  for (const { person, kinds: own } of members) {
    if (own === undefined) kinds.delete(hex(person));
    else kinds.set(hex(person), own);
  }
}

function failureOf(error: unknown): Rejection {
  if (error instanceof ProtocolError) return { code: error.code, detail: error.detail };
  throw error;
}
