/**
 * Profiles: the names behind functional codes, sealed in the main channel (PROTOCOL 8.7).
 *
 * Names travel in no other way.
 */
import { hex } from "../public/bytes.ts";
import type { ValueMap } from "../public/encoding.ts";
import { ProtocolError } from "../public/errors.ts";
import { shapeOf } from "../public/grammar.ts";

export const PROFILE_KIND = "PRF";

/** One person as its administration presents it; shape in Appendix A. */
export interface Profile extends ValueMap {
  person: Uint8Array;
  /** Functional code, as in the directory. */
  code: string;
  name: string;
  unit?: string;
  /** BCP 47 tags, first choice first. */
  languages?: string[];
  note?: string;
}

/** The content of a PRF message: all profiles of an administration together. Raises `malformed`. */
export function profileContent(profiles: readonly Profile[]): ValueMap {
  const content = { persons: [...profiles] };
  parseProfiles(content);
  return content;
}

/**
 * Read the content of a PRF message; raises `malformed`.
 *
 * Who calls drops the profiles of persons who are not of the author's administration, or whose code
 * is not the directory's: nobody introduces somebody else's people (A53).
 */
export function parseProfiles(content: ValueMap): Profile[] {
  shapeOf("profiles")(content, "content");
  const persons = content["persons"] as Profile[];
  if (new Set(persons.map((one) => hex(one.person))).size !== persons.length) {
    throw new ProtocolError("malformed", "content.persons: one profile per person expected");
  }
  return persons;
}
