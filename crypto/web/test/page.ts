/** The cases of a file of vectors, run in a page; `chromium.test.ts` brings the files. */
import { CencommError } from "../src/public/errors.ts";
import { loadSodium } from "../src/public/sodium.ts";
import { memberOps } from "./member/books.ts";
import { plain, type Book, type Case, type Op } from "./notation.ts";
import { OPS as BYTES } from "./public/bytes-ops.ts";
import { logOps } from "./public/log-ops.ts";

/** Names of the cases that do not come out as written, with what came. */
async function run({ cases, scenes }: Book): Promise<string[]> {
  await loadSodium();
  const ops = { ...BYTES, ...logOps(scenes), ...memberOps(scenes) };
  return cases.flatMap((one) => wrong(ops[one.op], one));
}

function wrong(op: Op | undefined, one: Case): string[] {
  if (op === undefined) return [`${one.name}: no op ${one.op}`];
  const between = one.intermediate ?? {};
  let found: { [name: string]: unknown };
  try {
    found = plain(op(one.inputs));
  } catch (error) {
    if (!(error instanceof CencommError)) return [`${one.name}: ${String(error)}`];
    const reason = "reason" in error ? error.reason : undefined;
    if (error.code === one.failure && (!("reason" in between) || reason === between["reason"])) return [];
    return [`${one.name}: ${String(error)}`];
  }
  if (one.failure !== undefined) return [`${one.name}: ${one.failure} expected, and it was taken`];
  return Object.entries({ ...between, ...one.output })
    .filter(([key, expected]) => text(found[key]) !== text(expected))
    .map(([key]) => `${one.name}: another ${key}: ${text(found[key])}`);
}

/** JSON with keys in one order. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, item) =>
    item !== null && typeof item === "object" && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item,
  );
}

Object.assign(window, { run, loaded: true });
