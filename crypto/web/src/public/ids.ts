/**
 * Ids in states are lower-case hex, so that Maps find them; bytes are at the edges only.
 *
 * Hex sorts as its bytes do, which the canonical form of states asks for (PROTOCOL 6.6).
 */
import { hex } from "./bytes.ts";

type Id<Name extends string> = string & { readonly of?: Name };

export type AdministrationId = Id<"administration">;
export type PersonId = Id<"person">;
export type DeviceId = Id<"device">;
export type ChannelId = Id<"channel">;
export type EntryId = Id<"entry">;
/** The leaf hash of an entry, which is its name in bodies. */
export type LeafHash = Id<"leaf">;
export type Key = Id<"key">;

export const idOf = hex;
