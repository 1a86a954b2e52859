/**
 * Runs `page.ts` in Chromium and writes what it measured as JSON to BENCH_RESULT.
 *
 * BENCH_LOG is a folder with `directory` and `operation`, each a CBOR sequence of items.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { test } from "vitest";

import { Chromium, POLICY } from "../test/chromium.ts";

const { BENCH_LOG: LOG = "", BENCH_RESULT: RESULT = "" } = process.env;
const DEVICES = 3000;

async function inPage<Found>(entries: { readonly [name: string]: string }, ask: (page: Page) => Promise<Found>): Promise<Found> {
  const browser = await Chromium.start(entries);
  try {
    return await ask(await browser.page(POLICY));
  } finally {
    await browser.end();
  }
}

test("measured in Chromium", { timeout: 280_000 }, async () => {
  const [directory, operation] = ["directory", "operation"].map((name) => readFileSync(join(LOG, name), "base64"));
  const measured = await inPage({ page: "bench/page.ts" }, async (page) => ({
    verifying: await page.evaluate("verifying()"),
    sealing: await page.evaluate("sealing()"),
    replaying: await page.evaluate(`replaying("${directory}", "${operation}")`),
  }));
  const worker = { page: "test/worker/page.ts", worker: "src/worker/main.ts" };
  const rotating = await inPage(worker, (page) => page.evaluate(`rotate(${DEVICES})`));
  writeFileSync(RESULT, JSON.stringify({ ...measured, rotating }));
});
