/** The page that explains the worker names all of its calls and codes. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { LOCAL_CODES } from "../../src/public/errors.ts";
import { Session } from "../../src/worker/session.ts";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

test.each([...Object.keys(new Session().handlers), ...LOCAL_CODES])("%s is documented", (name) => {
  expect(README).toContain(`\`${name}\``);
});
