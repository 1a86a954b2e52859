/** Every published case comes out in a real browser as it does in Node, failures by name included. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Page } from "playwright-core";

import { Chromium, POLICY, WITHOUT_BROWSER } from "./chromium.ts";
import { book, bookNames, type Book } from "./vectors.ts";

/** Whole stories take as long as all the rest: in CI, as Python's heavy rounds. */
const FULL_ROUNDS = 20;
const START_MS = 120_000;
const LONG = Number(process.env["ROUNDS"] ?? 1) < FULL_ROUNDS ? ["stories"] : [];

describe.skipIf(WITHOUT_BROWSER)("in Chromium", () => {
  let browser: Chromium;
  let page: Page;

  beforeAll(async () => {
    browser = await Chromium.start({ page: "test/page.ts" });
    page = await browser.page(POLICY);
  }, START_MS);

  afterAll(() => browser?.end());

  async function wrong(shown: Book): Promise<string[]> {
    return page.evaluate((one) => (window as any).run(one), shown as any);
  }

  test.each(bookNames().filter((name) => !LONG.includes(name)))("%s", async (name) => {
    expect(await wrong(book(name))).toEqual([]);
  });

  test("a case that comes out otherwise is told", async () => {
    const { title, cases } = book("encoding");
    const taken = cases.find(({ failure }) => failure !== undefined)!;
    const refused = cases.find(({ op, failure }) => op === "encoding" && failure === undefined)!;
    const changed = [
      { ...taken, failure: "held" },
      { ...refused, output: { data: "00ff" } },
    ];
    expect(await wrong({ title, cases: changed })).toHaveLength(2);
  });
});
