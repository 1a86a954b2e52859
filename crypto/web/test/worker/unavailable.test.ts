/** Where libsodium cannot start, every call says so, and a later one may try again. */
import { afterEach, expect, test, vi } from "vitest";

import { loadSodium, sodium } from "../../src/public/sodium.ts";
import { CryptoWorker } from "../../src/worker/client.ts";
import { channel, endAll } from "./channel.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  endAll();
});

test("without WebAssembly nothing starts, and nothing else is said", async () => {
  vi.stubGlobal("WebAssembly", undefined);
  expect(() => sodium()).toThrow(expect.objectContaining({ code: "crypto_unavailable" }));
  await expect(loadSodium()).rejects.toMatchObject({ code: "crypto_unavailable" });
  await expect(CryptoWorker.start(channel())).rejects.toMatchObject({ code: "crypto_unavailable" });
  vi.unstubAllGlobals();
  const worker = await CryptoWorker.start(channel());
  expect(await worker.call("open", { entries: [] })).toEqual([]);
});
