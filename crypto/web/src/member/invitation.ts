/**
 * Invitations: how a new device and the one that vouches for it come to trust each other
 * (PROTOCOL 10.2).
 *
 * On paper, as a QR code or in a URL's fragment, never to the server: the secret in it proves the new
 * keys to who vouches, so that no server can swap them (A40).
 */
import { concat, equal } from "../public/bytes.ts";
import { decode, encode, isMap, type ValueMap } from "../public/encoding.ts";
import { ProtocolError } from "../public/errors.ts";
import { enrolMessage, verify } from "../public/keys.ts";
import { keyed, sameSecret, sha256 } from "../public/primitives.ts";
import { compile } from "../public/shape.ts";

const PREFIX = "cencomm1-";
const MAX_CHARACTERS = 1024;
const CHECKSUM_SIZE = 4;
const LOOKUP_SIZE = 16;

const shape = compile(
  "{ directory: bstr .size 32, person: bstr .size 16, secret: bstr .size 32, " +
    'account: tstr .size (1..32), kind: "human" / "bot", server: tstr .size (1..256) }',
);

/** What the paper carries. */
export interface InvitationFields extends ValueMap {
  directory: Uint8Array; // all 32 bytes of the directory's id: the pin
  person: Uint8Array; // 16 bytes
  secret: Uint8Array; // 32 random bytes, for one enrolment
  account: string; // functional code
  kind: string; // "human" or "bot"
  server: string; // the deployment's address
}

export class Invitation {
  readonly fields: Readonly<InvitationFields>;

  constructor(fields: InvitationFields) {
    this.fields = fields;
  }

  /** Read the word, or a URL that ends in it (INV-2); raises `too_large`, `malformed` or what 1.4 says. */
  static read(text: string): Invitation {
    const characters = [...text].length;
    if (characters > MAX_CHARACTERS) {
      throw new ProtocolError(
        "too_large",
        `an invitation of ${characters} characters read, at most ${MAX_CHARACTERS} expected`,
      );
    }
    const bare = text.replace(WHITE_SPACE, "");
    const word = bare.slice(bare.lastIndexOf("#") + 1);
    if (!word.startsWith(PREFIX)) throw malformed(`a word that starts with "${PREFIX}" expected`);
    const raw = fromBase64Url(word.slice(PREFIX.length));
    const data = raw.subarray(0, Math.max(0, raw.length - CHECKSUM_SIZE));
    if (data.length === 0 || !equal(checksum(data), raw.subarray(data.length))) {
      throw malformed("its check sum does not fit: a letter was lost or changed");
    }
    const fields = decode(data, MAX_CHARACTERS);
    if (!isMap(fields)) throw malformed("it holds no map");
    shape(fields, "invitation");
    return new Invitation(fields as InvitationFields);
  }

  /** "cencomm1-" || base64url of encode(fields) || H(encode(fields))[0..4]; raises `malformed` for fields off their shape. */
  get word(): string {
    shape(this.fields as ValueMap, "invitation");
    const data = encode(this.fields as ValueMap);
    return PREFIX + toBase64Url(concat(data, checksum(data)));
  }

  /** The word in the fragment of the server's address, which browsers do not send. */
  get url(): string {
    return `${this.fields.server.replace(/\/+$/, "")}/#${this.word}`;
  }

  /** What the server knows it by; 16 bytes. */
  get lookup(): Uint8Array {
    return keyed(this.fields.secret, "invitation-id", this.fields.directory).slice(0, LOOKUP_SIZE);
  }

  /** B(s, "enrol", directory id || person || sign_pk || box_pk). */
  proof(signPk: Uint8Array, boxPk: Uint8Array): Uint8Array {
    const { secret, directory, person } = this.fields;
    return keyed(secret, "enrol", directory, person, signPk, boxPk);
  }

  /**
   * What who vouches checks before it signs (INV-1): raises `bad_proof` for keys that were not sent by
   * who holds the invitation (A40), then `bad_signature` without proof of possession (KEY-7, A41).
   */
  verify(signPk: Uint8Array, boxPk: Uint8Array, proof: Uint8Array, possession: Uint8Array): void {
    if (!sameSecret(this.proof(signPk, boxPk), proof)) {
      throw new ProtocolError("bad_proof", "these keys were not sent by who holds the invitation");
    }
    const { directory, person } = this.fields;
    verify(signPk, "enrol", possession, enrolMessage(directory, person, boxPk));
  }
}

/** By INV-2; JavaScript's own \s takes U+FEFF too, and leaves U+001C to U+001F and U+0085. */
const WHITE_SPACE =
  /[\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function toBase64Url(data: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0; // bits in `bits` that are not written yet
  for (const octet of data) {
    bits = ((bits << 8) | octet) & 0xffff;
    for (held += 8; held >= 6; held -= 6) text += ALPHABET[(bits >> (held - 6)) & 63]!;
  }
  return held > 0 ? text + ALPHABET[(bits << (6 - held)) & 63]! : text;
}

/** Of the one spelling of the bytes: without padding, and with zeros in the bits left over. */
function fromBase64Url(text: string): Uint8Array {
  const data = new Uint8Array(Math.floor((text.length * 6) / 8));
  let place = 0;
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) throw malformed("a character that does not belong there");
    bits = ((bits << 6) | digit) & 0xfff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      data[place++] = (bits >> held) & 0xff;
    }
  }
  if (toBase64Url(data) !== text) throw malformed("not the one spelling of these bytes");
  return data;
}

function checksum(data: Uint8Array): Uint8Array {
  return sha256(data).subarray(0, CHECKSUM_SIZE);
}

function malformed(detail: string): ProtocolError {
  return new ProtocolError("malformed", `invitation: ${detail}`);
}
