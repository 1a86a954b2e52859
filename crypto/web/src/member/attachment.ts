/**
 * Attachments: a file in parts, each a secretstream under its own key (PROTOCOL 8.10).
 *
 * Nothing of a part is given out before its FINAL was read (ATT-1, A15).
 */

import { concat, u32 } from "../public/bytes.ts";
import { kdf, sameSecret, sha256 } from "../public/primitives.ts";
import { sodium } from "../public/sodium.ts";
import { cannotOpen, orCannotOpen } from "./sealing.ts";

export const PART_SIZE = 8 * 1024 * 1024; // plaintext; the last part may be shorter
const CHUNK_SIZE = 64 * 1024; // plaintext
const CHUNK_OVERHEAD = 17;
const HEADER_SIZE = 24;
const TAG_MESSAGE = 0;
const TAG_FINAL = 3;

/** Which part of which file: its id[16], its key F[32], and the part's number from 0. */
export interface PartOf {
  readonly file: Uint8Array;
  readonly key: Uint8Array;
  readonly p: number;
}

/** A sealed part: header[24], then its chunks. libsodium draws the header. */
export function sealPart(part: PartOf, plain: Uint8Array): Uint8Array {
  const { state, header } = sodium().crypto_secretstream_xchacha20poly1305_init_push(partKey(part));
  const sealed = [header];
  const last = Math.max(0, Math.ceil(plain.length / CHUNK_SIZE) - 1);
  for (let i = 0; i <= last; i += 1) {
    sealed.push(
      sodium().crypto_secretstream_xchacha20poly1305_push(
        state,
        plain.subarray(i * CHUNK_SIZE, (i + 1) * CHUNK_SIZE),
        associated(part, i),
        i === last ? TAG_FINAL : TAG_MESSAGE,
      ),
    );
  }
  return concat(...sealed);
}

/** The plaintext of a part whose hash the payload names; raises `cannot_open`. */
export function openPart(part: PartOf, sealed: Uint8Array, hash: Uint8Array): Uint8Array {
  if (!sameSecret(sha256(sealed), hash) || sealed.length <= HEADER_SIZE) {
    throw cannotOpen();
  }
  return orCannotOpen(() => {
    const state = sodium().crypto_secretstream_xchacha20poly1305_init_pull(
      sealed.subarray(0, HEADER_SIZE),
      partKey(part),
    );
    const plain = [];
    let place = HEADER_SIZE;
    let tag = TAG_MESSAGE;
    for (let i = 0; place < sealed.length; i += 1) {
      if (tag === TAG_FINAL) {
        throw cannotOpen(); // bytes after the end
      }
      const chunk = sealed.subarray(place, place + CHUNK_SIZE + CHUNK_OVERHEAD);
      const pulled = sodium().crypto_secretstream_xchacha20poly1305_pull(
        state,
        chunk,
        associated(part, i),
      );
      if (!pulled) {
        throw cannotOpen();
      }
      plain.push(pulled.message);
      tag = pulled.tag;
      place += chunk.length;
    }
    if (tag !== TAG_FINAL) {
      throw cannotOpen();
    }
    return concat(...plain);
  });
}

/** KDF(F, p). */
export function partKey(part: PartOf): Uint8Array {
  return kdf(part.key, part.p);
}

/** file id[16] || u32 p || u32 i. */
function associated(part: PartOf, i: number): Uint8Array {
  return concat(part.file, u32(part.p), u32(i));
}
