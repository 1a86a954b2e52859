/** The rules run on the tables of the specification (PROTOCOL 12). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { ADMINISTRATION_RULES } from "../../src/public/directory/administration.ts";
import { GOVERNANCE_RULES } from "../../src/public/directory/governance.ts";
import { PEOPLE_RULES } from "../../src/public/directory/people.ts";
import { mayAuthor, ROLES } from "../../src/public/operation/rights.ts";
import { PHASES, type Phase, type PhaseEvent, phasesOf, step } from "../../src/public/phases.ts";
import { DIRECTORY_TYPES, isGenesis, OPERATION_TYPES } from "../../src/public/types.ts";

const PROTOCOL = readFileSync(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");

/** Rows of a table as maps from heading to cell. */
function table(name: string): Map<string, string>[] {
  const lines = PROTOCOL.split(`<!-- ${name} -->`)[1]!.split(`<!-- /${name} -->`)[0]!.trim().split("\n");
  const [headings, , ...rows] = lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  return rows.map((cells) => new Map(cells.map((cell, place) => [headings![place]!, cell])));
}

test("each role may author what 12.2 says", () => {
  const rows = table("rights-operation");
  expect(new Set(rows.map((row) => row.get("type")))).toEqual(OPERATION_TYPES);
  for (const row of rows) {
    const type = row.get("type")!;
    for (const role of ROLES) expect(mayAuthor(role, type), `${role}: ${type}`).toBe(row.get(role) === "yes");
  }
});

test("each type of the directory is decided by who 12.1 says", () => {
  const rows = table("rights-directory");
  expect(new Set(rows.map((row) => row.get("type")))).toEqual(DIRECTORY_TYPES);
  for (const row of rows) {
    const type = row.get("type")!;
    if (isGenesis(type)) continue;
    expect(type in GOVERNANCE_RULES, type).toBe(row.get("governance") === "yes");
    expect(type in ADMINISTRATION_RULES, type).toBe(row.get("admin-root") === "yes");
    const byDevice = ["ncp", "own-device", "itself"].some((word) => row.get(word) === "yes");
    expect(type in PEOPLE_RULES, type).toBe(byDevice);
  }
});

test("each event leads from each phase to where 12.3 says", () => {
  const rows = table("phases");
  expect(rows.map((row) => row.get("from"))).toEqual([...PHASES]);
  for (const row of rows) {
    const from = row.get("from") as Phase;
    for (const [event, to] of row) {
      if (event === "from") continue;
      expect(step(from, event as PhaseEvent) ?? "-", `${event} in ${from}`).toBe(to);
    }
  }
});

test("each phase takes the types that 12.3 says", () => {
  const rows = table("phase-types");
  const types = new Set(rows.map((row) => row.get("type")));
  expect(types).toEqual(new Set([...OPERATION_TYPES].filter((type) => !isGenesis(type))));
  for (const row of rows) {
    const type = row.get("type")!;
    for (const phase of PHASES) expect(phasesOf(type).includes(phase), `${type} in ${phase}`).toBe(row.get(phase) === "yes");
  }
});
