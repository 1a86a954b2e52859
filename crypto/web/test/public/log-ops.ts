/** Ops of PROTOCOL 6, 7, 11.2: logs and the states that the rules give. */
import { fromHex, hex } from "../../src/public/bytes.ts";
import { directoryHash } from "../../src/public/directory/projection.ts";
import { ProtocolError, type Rejection } from "../../src/public/errors.ts";
import { operationHash } from "../../src/public/operation/projection.ts";
import { phaseAt } from "../../src/public/operation/state.ts";
import { isErasable } from "../../src/public/operation/views.ts";
import { step, typesIn } from "../../src/public/phases.ts";
import { DirectoryLog, OperationLog, readLog } from "../../src/public/replay.ts";
import { decodeItem, hidden, isControl, type Item } from "../../src/public/wire.ts";
import type { Book, Inputs, Op, Outcome } from "../notation.ts";

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

function channels(inputs: Inputs): Set<string> | undefined {
  return "channels" in inputs ? new Set(inputs["channels"]) : undefined;
}

/** As a reader of some channels gets the log: 56 bytes of each entry of another one. */
function shownTo(readers: Set<string> | undefined, item: Item): Item {
  if (readers === undefined || isControl(item) || readers.has(hex(item.scope))) return item;
  return hidden("withheld", item.seq, item.at, item.scope, item.inner);
}

function replayed(log: OperationLog, own: Item[], readers?: Set<string>): Outcome {
  const results: unknown[] = [];
  const phases: string[] = [];
  for (const item of own) {
    const rejection = log.apply(shownTo(readers, item));
    results.push([operationHash(log.state, readers), rejection?.code ?? ""]);
    phases.push(phaseAt(log.state, item.at));
  }
  return { results, phases };
}

/**
 * The logs of one file's scenes; each is built at its first use.
 *
 * A case that adds nothing gets the scene's own: copy it before something is applied.
 */
export interface Stages {
  /** With the case's own `directory` items on top. */
  directoryAt(inputs: Inputs): DirectoryLog;
  /** With its `operation` items too. */
  operationAt(inputs: Inputs): OperationLog;
}

export function stagesOf(scenes: Book["scenes"] = {}): Stages {
  const built = new Map<string, [DirectoryLog, OperationLog | undefined]>();

  function scene(name: string): [DirectoryLog, OperationLog | undefined] {
    const known = built.get(name);
    if (known !== undefined) return known;
    const directory = new DirectoryLog();
    for (const item of items(scenes[name]!.directory)) directory.apply(item);
    let operation: OperationLog | undefined;
    const own = items(scenes[name]!.operation);
    if (own.length > 0) {
      operation = new OperationLog(directory);
      for (const item of own) operation.apply(item);
    }
    built.set(name, [directory, operation]);
    return [directory, operation];
  }

  function directoryAt(inputs: Inputs): DirectoryLog {
    const [own] = scene(inputs["scene"]);
    const more = items(inputs["directory"]);
    if (more.length === 0) return own;
    const log = own.copy();
    for (const item of more) log.apply(item);
    return log;
  }

  function operationAt(inputs: Inputs): OperationLog {
    const own = scene(inputs["scene"])[1]!;
    const [directory, more] = [directoryAt(inputs), items(inputs["operation"])];
    if (more.length === 0 && directory === own.directory) return own;
    const log = own.copy(directory);
    for (const item of more) log.apply(item);
    return log;
  }

  return { directoryAt, operationAt };
}

/** The ops over the scenes of one file. */
export function logOps(scenes: Book["scenes"] = {}): { [op: string]: Op } {
  const { directoryAt, operationAt } = stagesOf(scenes);

  /** Of bytes that are an item, in a log that may be changed. */
  function offered(inputs: Inputs, own: () => OperationLog): Outcome {
    const item = decodeItem(fromHex(inputs["item"]));
    const log = own();
    accepted(log.apply(item));
    return { state: operationHash(log.state), id: log.id, main: fromHex(log.state.main) };
  }

  function wholeOperation(inputs: Inputs): [OperationLog, Item[]] {
    return [new OperationLog(directoryAt(inputs)), items(scenes[inputs["scene"]]!.operation)];
  }

  return {
    "offer to directory": (inputs) => {
      const item = decodeItem(fromHex(inputs["item"]));
      const log = directoryAt(inputs).copy();
      accepted(log.apply(item));
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
    "offer to operation": (inputs) => offered(inputs, () => operationAt(inputs).copy()),
    "found operation": (inputs) => offered(inputs, () => new OperationLog(directoryAt(inputs), pin(inputs))),
    "replay operation": (inputs) => {
      if ("items" in inputs) {
        return replayed(operationAt({ ...inputs, operation: [] }).copy(), items(inputs["items"]));
      }
      return replayed(...wholeOperation(inputs), channels(inputs));
    },
    "log root": (inputs) => {
      const [log, own] = wholeOperation(inputs);
      for (const item of own) log.apply(shownTo(channels(inputs), item));
      return { size: log.size, root: log.root(log.size) };
    },
    erasable: (inputs) => ({ erasable: isErasable(operationAt(inputs).state, inputs["at"]) }),
    step: (inputs) => ({ phase: step(inputs["phase"], inputs["event"], inputs["interrupted"]) ?? null }),
    "allowed types": (inputs) => ({ types: typesIn(inputs["phase"]).sort() }),
    "read log": (inputs) => {
      const own = items(inputs["directory"]);
      const directory = readLog((losses) => new DirectoryLog(undefined, losses), own);
      if (!("operation" in inputs)) {
        return read(directory.log, directoryHash(directory.log.state), directory.rejected, own);
      }
      const held = items(inputs["operation"]);
      const { log, rejected } = readLog((losses) => new OperationLog(directory.log, undefined, losses), held);
      return read(log, operationHash(log.state, channels(inputs)), rejected, held);
    },
  };
}

function read(
  log: DirectoryLog | OperationLog,
  state: Uint8Array,
  rejected: ReadonlyMap<number, Rejection>,
  own: Item[],
): Outcome {
  return { state, codes: own.map(({ seq }) => rejected.get(seq)?.code ?? ""), unnamed: log.unnamed };
}
