/** Each published case whose op anybody may compute comes out as written, failures by name included. */
import { beforeAll, describe, expect, test } from "vitest";

import { CencommError } from "../../src/public/errors.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { book, bookNames, type Op, plain } from "../vectors.ts";
import * as bytes from "./bytes-ops.ts";
import { logOps } from "./log-ops.ts";

beforeAll(async () => {
  await loadSodium();
});

/** Each story once more for each reader is for CI: `tests/web/test_replay.py` plays such readers at any time. */
const FULL_ROUNDS = 20;
const OF_READERS = Number(process.env["ROUNDS"] ?? 1) < FULL_ROUNDS ? /^operation [1-9].*, read by/ : /^$/;

for (const name of bookNames()) {
  const { cases, scenes } = book(name);
  const ops: { [op: string]: Op } = { ...bytes.OPS, ...logOps(scenes) };
  const own = cases.filter((one) => one.op in ops && !(name === "stories" && OF_READERS.test(one.name)));
  if (own.length === 0) continue;
  describe(name, () => {
    test.each(own)("$name", ({ op, inputs, intermediate, output, failure }) => {
      if (failure !== undefined) {
        let refused: unknown;
        try {
          ops[op]!(inputs);
        } catch (error) {
          refused = error;
        }
        expect(refused, "a refusal").toBeInstanceOf(CencommError);
        expect((refused as CencommError).code, (refused as CencommError).detail).toBe(failure);
        expect((refused as CencommError).detail).not.toBe("");
        return;
      }
      expect(plain(ops[op]!(inputs))).toMatchObject({ ...intermediate, ...output });
    });
  });
}
