import { expect, test } from "vitest";

import { unassigned } from "../src/public/unicode14.ts";

test("Unicode 14.0 leaves 829,834 code points unassigned, surrogates aside", () => {
  let count = 0;
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue; // never in UTF-8
    if (unassigned(String.fromCodePoint(point)) === point) count++;
  }
  expect(count).toBe(829_834);
});
