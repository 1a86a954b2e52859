/** Bodies that roots sign: poster, serial and signatures (PROTOCOL DIR-2, KEY-8). */
import { equal } from "../bytes.ts";
import type { ValueMap } from "../encoding.ts";
import { type Entry, verifySignature } from "../entry.ts";
import { RuleViolation } from "../errors.ts";
import { checkSigningKey, deviceId, rootMessage, type SignatureType, verify } from "../keys.ts";
import { ruled } from "./claims.ts";

/** What every such body holds. */
export interface RootSigned {
  readonly poster: Uint8Array;
  readonly serial: number;
  readonly sigs: readonly (readonly [index: number, signature: Uint8Array])[];
}

export interface Root {
  readonly type: Extract<SignatureType, "governance" | "admin-root">;
  readonly keys: readonly Uint8Array[];
  readonly k: number;
}

/** Whoever posts it signs the entry; the poster need not be a device of the directory. */
export function checkPoster(entry: Entry): void {
  const { poster } = entry.body as unknown as RootSigned;
  if (!equal(deviceId(poster), entry.header.device)) {
    throw new RuleViolation("unknown_device", "header.device is not the device id of the body's poster");
  }
  ruled(() => checkSigningKey(poster));
  ruled(() => verifySignature(entry, poster));
}

/** `bad_serial` unless it comes after the last accepted one. */
export function checkSerial(body: RootSigned, last: number): void {
  if (body.serial <= last) {
    throw new RuleViolation("bad_serial", `serial ${body.serial} read, one above ${last} expected`);
  }
}

/** Each signature that is listed holds, and there are enough; `directory` as in KEY-8. */
export function checkRootSignatures(root: Root, directory: Uint8Array, body: RootSigned): void {
  let before = -1;
  for (const [index] of body.sigs) {
    if (index <= before || index >= root.keys.length) {
      throw new RuleViolation(
        "bad_threshold",
        `signature by key ${index} after ${before}: rising indices below ${root.keys.length} expected`,
      );
    }
    before = index;
  }
  if (body.sigs.length < root.k) {
    throw new RuleViolation("bad_threshold", `${body.sigs.length} signatures read, at least ${root.k} expected`);
  }
  const message = rootMessage(directory, body as unknown as ValueMap);
  for (const [index, signature] of body.sigs) ruled(() => verify(root.keys[index]!, root.type, signature, message));
}
