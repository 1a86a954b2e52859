/** Two members, each with a worker of its own, talk through a log that the rules accept. */
import { afterEach, beforeAll, expect, test } from "vitest";

import { loadSodium } from "../../src/public/sodium.ts";
import { WRAP_SIZE } from "../../src/member/wrap.ts";
import { channel, endAll } from "./channel.ts";
import { Deployment } from "./deployment.ts";
import { Page } from "./talk.ts";

beforeAll(async () => {
  await loadSodium();
});

afterEach(endAll);

test("what one seals the other is shown, once it has the epoch", async () => {
  const deployment = new Deployment();
  const chief = await Page.open(deployment, deployment.chief, channel());
  const officer = await Page.open(deployment, deployment.officer, channel());
  const wraps = await chief.rotate(1, 0);
  await chief.say("quai 7", 1);
  await officer.follow();
  expect(await officer.heard()).toEqual(["no_epoch_key"]);
  await expect(officer.worker.call("check", { ...officer.where, n: 1 })).rejects.toMatchObject({ code: "no_epoch_key" });

  const garbage = { ...officer.where, n: 1, wrap: new Uint8Array(WRAP_SIZE), boxSeed: deployment.officer.boxSeed };
  await expect(officer.worker.call("learn", garbage)).rejects.toMatchObject({ code: "cannot_open" });
  expect(await officer.learn(1, wraps)).toEqual([1]);
  expect(await officer.worker.call("check", { ...officer.where, n: 1 })).toBeNull();
  expect(await officer.heard()).toEqual(["quai 7"]);

  await officer.say("quai 9", 1);
  await chief.follow();
  expect(await chief.heard()).toEqual(["quai 7", "quai 9"]);
});

test("a page that begins anew has the old epochs from the newest one, by its link", async () => {
  const deployment = new Deployment();
  const chief = await Page.open(deployment, deployment.chief, channel());
  await chief.rotate(1, 0);
  await chief.say("before", 1);
  await chief.follow();
  const wraps = await chief.rotate(2, 1);
  await chief.say("after", 2);
  chief.worker.end();

  const again = await Page.open(deployment, deployment.chief, channel());
  expect(await again.heard()).toEqual(["no_epoch_key", "no_epoch_key"]);
  expect(await again.learn(2, wraps)).toEqual([2, 1]);
  expect(await again.heard()).toEqual(["before", "after"]);
  expect(await again.worker.call("check", { ...again.where, n: 2 })).toBeNull();

  const { operation, chan } = again.where;
  await again.worker.call("forget", { epochs: [{ log: operation.slice(0, 16), chan, n: 1 }] });
  expect(await again.heard()).toEqual(["no_epoch_key", "after"]);
});
