/** Opening with shares of places that nobody has ends, and names them (ESC-3). */
import { beforeAll, expect, test } from "vitest";

import { utf8 } from "../../src/public/bytes.ts";
import { sha256 } from "../../src/public/primitives.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { EpochContext, EpochSecret } from "../../src/member/epoch.ts";
import { recover, sealEscrow, sharesOf } from "../../src/member/escrow.ts";

beforeAll(async () => {
  await loadSodium();
});

test("a share of place 300 is no element of the field, and is named as false", () => {
  const id = new Uint8Array(16);
  const secret = new EpochSecret(sha256(utf8("E")), new EpochContext(id, id, 1));
  const [first, second] = sharesOf(secret, 2, 3);
  const given = new Map([
    [1, first!],
    [2, second!],
    [300, first!],
  ]);
  const found = recover(sealEscrow(secret), secret.closeKey, given, 2, 3, secret.commit);
  expect(found.secret.secret).toEqual(secret.secret);
  expect(found.liars).toEqual([300]);
  given.delete(2);
  expect(() => recover(sealEscrow(secret), secret.closeKey, given, 2, 3, secret.commit)).toThrow(
    expect.objectContaining({ code: "cannot_open" }),
  );
});
