/** Which files of vectors need a member's code, and its ops. */
import type { Book, Op } from "../notation.ts";
import { OPS as EPOCHS } from "./epochs.ts";
import { OPS as ESCROW } from "./escrow.ts";
import { memberLogOps } from "./log-ops.ts";
import { OPS as MESSAGES } from "./messages.ts";
import { OPS as PEOPLE } from "./people.ts";
import { OPS as SEALS } from "./seals.ts";

/** The rest of `functions` is anybody's. */
export const BOOKS = ["functions", "epochs", "escrow", "messages", "attachments", "login", "invitation"];

export function memberOps(scenes: Book["scenes"]): { [op: string]: Op } {
  return { ...SEALS, ...EPOCHS, ...ESCROW, ...MESSAGES, ...PEOPLE, ...memberLogOps(scenes) };
}
