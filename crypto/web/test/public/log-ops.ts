/** Ops of PROTOCOL 6, 7, 11.2: logs and the states that the rules give. */
import { fromHex } from "../../src/public/bytes.ts";
import { directoryHash } from "../../src/public/directory/projection.ts";
import { ProtocolError, type Rejection } from "../../src/public/errors.ts";
import { DirectoryLog, readLog } from "../../src/public/replay.ts";
import { decodeItem, type Item } from "../../src/public/wire.ts";
import type { Book, Inputs, Op, Outcome } from "../vectors.ts";

function items(shown: string[] | undefined): Item[] {
  return (shown ?? []).map((item) => decodeItem(fromHex(item)));
}

/** Raises the code of a rejection. */
export function accepted(rejection: Rejection | undefined): void {
  if (rejection !== undefined) throw new ProtocolError(rejection.code, rejection.detail);
}

function pin(inputs: Inputs): Uint8Array | undefined {
  return "pin" in inputs ? fromHex(inputs["pin"]) : undefined;
}

/** The ops over the scenes of one file; a scene is built at its first use, and copied for each case. */
export function logOps(scenes: Book["scenes"] = {}): { [op: string]: Op } {
  const directories = new Map<string, DirectoryLog>();

  function directoryAt(inputs: Inputs): DirectoryLog {
    const name: string = inputs["scene"];
    let built = directories.get(name);
    if (built === undefined) {
      built = new DirectoryLog();
      for (const item of items(scenes[name]!.directory)) built.apply(item);
      directories.set(name, built);
    }
    const log = built.copy();
    for (const item of items(inputs["directory"])) log.apply(item);
    return log;
  }

  return {
    "offer to directory": (inputs) => {
      const log = directoryAt(inputs);
      accepted(log.apply(decodeItem(fromHex(inputs["item"]))));
      return { state: directoryHash(log.state) };
    },
    "found directory": (inputs) => {
      const log = new DirectoryLog(pin(inputs));
      accepted(log.apply(decodeItem(fromHex(inputs["item"]))));
      return { state: directoryHash(log.state), id: log.id };
    },
    "replay directory": (inputs) => {
      const log = new DirectoryLog();
      const results = items(inputs["items"]).map((item) => {
        const rejection = log.apply(item);
        return [directoryHash(log.state), rejection?.code ?? ""];
      });
      return { results };
    },
    "read log": (inputs): Outcome => {
      const own = items(inputs["directory"]);
      const { log, rejected } = readLog((losses) => new DirectoryLog(undefined, losses), own);
      return {
        state: directoryHash(log.state),
        codes: own.map(({ seq }) => rejected.get(seq)?.code ?? ""),
        unnamed: log.unnamed,
      };
    },
  };
}
