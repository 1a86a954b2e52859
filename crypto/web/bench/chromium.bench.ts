/**
 * Runs `page.ts` in Chromium and writes what it measured as JSON to BENCH_RESULT.
 *
 * BENCH_LOG is a folder with `directory` and `operation`, each a CBOR sequence of items.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";

import { Chromium, POLICY } from "../test/chromium.ts";

const { BENCH_LOG: LOG = "", BENCH_RESULT: RESULT = "" } = process.env;
const DEVICES = 3000;

test("measured in Chromium", { timeout: 280_000 }, async () => {
  const [directory, operation] = ["directory", "operation"].map((name) => readFileSync(join(LOG, name), "base64"));
  const browser = await Chromium.start({ page: "bench/page.ts", worker: "src/worker/main.ts" });
  try {
    const page = await browser.page(POLICY);
    const measured = {
      verifying: await page.evaluate("verifying()"),
      sealing: await page.evaluate("sealing()"),
      replaying: await page.evaluate(`replaying("${directory}", "${operation}")`),
      rotating: await page.evaluate(`rotate(${DEVICES})`),
    };
    writeFileSync(RESULT, JSON.stringify(measured));
  } finally {
    await browser.end();
  }
});
