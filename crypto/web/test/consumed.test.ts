/** No file of vectors and no kind of case is left out. */
import { expect, test } from "vitest";

import { BOOKS, memberOps } from "./member/books.ts";
import { OPS as BYTES } from "./public/bytes-ops.ts";
import { logOps } from "./public/log-ops.ts";
import { book, bookNames } from "./vectors.ts";

test("every case of every file is run, by what anybody or what a member may compute", () => {
  let count = 0;
  for (const name of bookNames()) {
    const { cases, scenes } = book(name);
    const anybody = { ...BYTES, ...logOps(scenes) };
    const member = BOOKS.includes(name) ? memberOps(scenes) : {};
    for (const { op } of cases) {
      expect(op in anybody || op in member, `${name}: ${op}`).toBe(true);
      count++;
    }
  }
  expect(count).toBeGreaterThan(1700);
});
