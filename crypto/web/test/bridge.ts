/**
 * The ops of the vectors for another program: one JSON object a line in, one a line out.
 *
 * In: {op, inputs}. Out: {output}, or {failure, detail, ? reason} for what was refused. So anybody
 * who can run the vectors can compare itself with this implementation on cases of its own. A line of
 * op "scene" {name, directory, operation} gives the logs that later cases name.
 */
import { createInterface } from "node:readline";

import { CencommError } from "../src/public/errors.ts";
import { loadSodium } from "../src/public/sodium.ts";
import { OPS as EPOCHS } from "./member/epochs.ts";
import { OPS as ESCROW } from "./member/escrow.ts";
import { memberLogOps } from "./member/log-ops.ts";
import { OPS as MESSAGES } from "./member/messages.ts";
import { OPS as PEOPLE } from "./member/people.ts";
import { OPS as SEALS } from "./member/seals.ts";
import { OPS as BYTES } from "./public/bytes-ops.ts";
import { logOps } from "./public/log-ops.ts";
import { plain, type Op, type Scene } from "./vectors.ts";

const scenes: { [name: string]: Scene } = {};
const ops: { [op: string]: Op } = {
  ...BYTES,
  ...SEALS,
  ...EPOCHS,
  ...ESCROW,
  ...MESSAGES,
  ...PEOPLE,
  ...logOps(scenes),
  ...memberLogOps(scenes),
};

function answer(line: string): unknown {
  const { op, inputs } = JSON.parse(line);
  if (op === "scene") {
    const { name, ...scene } = inputs;
    scenes[name] = scene;
    return { output: {} };
  }
  const run = ops[op];
  if (run === undefined) throw new Error(`no op ${op}`);
  try {
    return { output: plain(run(inputs)) };
  } catch (error) {
    if (!(error instanceof CencommError)) throw error;
    const { code, detail } = error;
    return "reason" in error ? { failure: code, detail, reason: error.reason } : { failure: code, detail };
  }
}

await loadSodium();
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let found: unknown;
  try {
    found = answer(line);
  } catch (error) {
    found = { crash: error instanceof Error ? error.stack : String(error) }; // a fault of ours, told as one
  }
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
