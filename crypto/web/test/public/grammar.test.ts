/** The grammar is the specification's, word for word. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { GRAMMAR, SEALED_GRAMMAR, shapeOf } from "../../src/public/grammar.ts";
import { BODY_IS_BYTES, DIRECTORY_TYPES, OPERATION_TYPES } from "../../src/public/types.ts";

const PROTOCOL = readFileSync(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");

function block(name: string): string {
  return PROTOCOL.split(`<!-- ${name} -->`)[1]!.split("```cddl")[1]!.split("```")[0]!;
}

test.each([
  ["cddl", GRAMMAR],
  ["cddl-sealed", SEALED_GRAMMAR],
])("the block %s of Appendix A is what shapes are compiled from", (name, text) => {
  expect(text.trim()).toBe(block(name).trim());
});

test("every rule compiles, and every type has one unless its body is bytes", () => {
  const names = [...(GRAMMAR + SEALED_GRAMMAR).matchAll(/^([a-z.-]+) = /gm)].map((match) => match[1]!);
  for (const name of names) expect(shapeOf(name)).toBeTypeOf("function");
  for (const type of [...DIRECTORY_TYPES, ...OPERATION_TYPES]) {
    expect(names.includes(type)).toBe(!BODY_IS_BYTES.has(type));
  }
});
