/** Every vector that a member's code can answer comes out as written, failures by name included. */
import { beforeAll, describe, expect, test } from "vitest";

import { CencommError } from "../../src/public/errors.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { book, plain, type Case, type Op } from "../vectors.ts";
import { BOOKS, memberOps } from "./books.ts";

beforeAll(loadSodium);

describe.each(BOOKS)("%s", (name) => {
  const { cases, scenes } = book(name);
  const ops = memberOps(scenes);
  const own = name === "functions" ? cases.filter(({ op }) => op in ops) : cases;
  test.each(own)("$name", (one) => check(ops[one.op]!, one));
});

function check(op: Op, one: Case): void {
  const between = one.intermediate ?? {};
  if (one.failure === undefined) {
    const expected = { ...between, ...one.output };
    const found = plain(op(one.inputs));
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, found[key]]))).toEqual(expected);
    return;
  }
  const error = failure(op, one);
  expect(error.code, error.detail).toBe(one.failure);
  expect(error.detail, "a failure says what was read and what was expected").not.toBe("");
  if ("reason" in between) expect(error).toHaveProperty("reason", between["reason"]);
}

function failure(op: Op, one: Case): CencommError {
  try {
    op(one.inputs);
  } catch (error) {
    if (error instanceof CencommError) return error;
    throw error;
  }
  throw new Error(`${one.failure} expected, and it was taken`);
}
