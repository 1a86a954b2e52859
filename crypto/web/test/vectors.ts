/** Reads the files of vectors; what is in them says `notation.ts`. */
import { readdirSync, readFileSync } from "node:fs";

import type { Book } from "./notation.ts";

export * from "./notation.ts";

export const FOLDER = new URL("../../vectors/", import.meta.url);

/** Every file of the folder by its name without ".json". */
export function bookNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .sort();
}

export function book(name: string): Book {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "ascii")) as Book;
}
