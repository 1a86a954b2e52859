/**
 * The logs that the worker follows, and what it was told of them.
 *
 * Each item takes effect wholly or not at all, and the answer says how far it came. Checkpoints are the
 * page's to verify, against the root that it is given (TREE-2).
 */
import { hex } from "../public/bytes.ts";
import type { DirectoryView } from "../public/directory/state.ts";
import { CencommError, ProtocolError, type Rejection } from "../public/errors.ts";
import { ReadAnew } from "../public/lost.ts";
import type { Channel, OperationState } from "../public/operation/state.ts";
import { DirectoryLog, OperationLog, readLog } from "../public/replay.ts";
import { decodeItem, type Item } from "../public/wire.ts";
import type { Steps } from "../member/rotation.ts";
import type { Held } from "../member/view.ts";
import type { Ahead, Keys } from "./ahead.ts";
import type { Followed } from "./calls.ts";

interface Followable<AnyLog> {
  log: AnyLog;
  items: Item[];
  rejected: Map<number, Rejection>;
}

export class Logs {
  #directory: (Followable<DirectoryLog> & { readonly id: Uint8Array }) | undefined;
  readonly #operations = new Map<string, Followable<OperationLog> & { readonly id: Uint8Array }>();
  readonly #ahead: Ahead;

  constructor(ahead: Ahead) {
    this.#ahead = ahead;
  }

  /** `id`: all 32 bytes, the pin (A48). Raises `wrong_log` for another one than is followed. */
  *followDirectory(id: Uint8Array, items: readonly Uint8Array[]): Steps<Followed> {
    const held = this.#directory ?? { id, log: new DirectoryLog(id), items: [], rejected: new Map() };
    if (hex(id) !== hex(held.id)) {
      throw new ProtocolError("wrong_log", "another directory is followed here; one worker is for one deployment");
    }
    const told = yield* follow(held, items, () => {
      const read = readLog((losses) => new DirectoryLog(id, losses), held.items);
      const over = [...this.#operations.values()].map((operation) => [operation, readOver(read.log, operation)] as const);
      Object.assign(held, read); // only now: whatever was raised above, all is as before
      for (const [operation, anew] of over) Object.assign(operation, anew);
    });
    if (held.log.size > 0) this.#directory = held;
    return told;
  }

  /** As `followDirectory`, which comes first. */
  *followOperation(id: Uint8Array, items: readonly Uint8Array[]): Steps<Followed> {
    const name = hex(id);
    const held = this.#operations.get(name) ?? {
      id,
      log: new OperationLog(this.#expectDirectory().log, id),
      items: [],
      rejected: new Map<number, Rejection>(),
    };
    const readAnew = (): void => {
      Object.assign(held, readOver(this.#expectDirectory().log, held));
    };
    this.#ahead.begin(items, () => keysOf(this.#expectDirectory().log));
    try {
      const told = yield* follow(held, items, readAnew, this.#ahead);
      if (held.log.size > 0) this.#operations.set(name, held);
      return told;
    } finally {
      this.#ahead.end();
    }
  }

  /** The state of an operation, the directory as it stands now, and one of its channels. */
  at(id: Uint8Array, chan: Uint8Array): { state: OperationState; channel: Channel; view: DirectoryView } {
    const { state } = this.#expectOperation(id).log;
    const channel = state.channels.get(hex(chan));
    if (channel === undefined) throw new ProtocolError("unknown_channel", `no channel ${hex(chan)} in this operation`);
    const { log } = this.#expectDirectory();
    return { state, channel, view: log.viewAt(log.size)! };
  }

  directoryAt(size: number): DirectoryView {
    const found = this.#expectDirectory().log.viewAt(size);
    if (found === undefined) throw new CencommError("internal", `no directory of size ${size} is here`);
    return found;
  }

  /** What a member with these epochs can be shown of an operation. */
  held(id: Uint8Array, secretOf: Held["secretOf"], opened: NonNullable<Held["opened"]>): Held {
    const { log, items, rejected } = this.#expectOperation(id);
    const directory = this.#expectDirectory();
    return {
      state: log.state,
      items,
      rejected,
      directoryAt: (size) => directory.log.viewAt(size),
      directoryTimes: directory.items.map(({ at }) => at),
      secretOf,
      opened,
    };
  }

  #expectDirectory(): Followable<DirectoryLog> {
    if (this.#directory === undefined) throw new ProtocolError("directory_behind", "no directory was read yet");
    return this.#directory;
  }

  #expectOperation(id: Uint8Array): Followable<OperationLog> {
    const found = this.#operations.get(hex(id));
    if (found === undefined) throw new ProtocolError("unknown_reference", `operation ${hex(id)} is not followed here`);
    return found;
  }
}

function readOver(
  directory: DirectoryLog,
  { id, items }: Followable<OperationLog> & { readonly id: Uint8Array },
): Pick<Followable<OperationLog>, "log" | "rejected"> {
  return readLog((losses) => new OperationLog(directory, id, losses), items);
}

function keysOf({ state }: DirectoryLog): Keys {
  return new Map([...state.devices].map(([device, { signPk }]) => [device, signPk]));
}

/** Append items one by one; ends before the first at which the reader stops, and says why. */
function* follow<AnyLog extends DirectoryLog | OperationLog>(
  held: Followable<AnyLog>,
  items: readonly Uint8Array[],
  readAnew: () => void,
  ahead?: Ahead,
): Steps<Followed> {
  const before = held.log.size;
  let stopped: Rejection | undefined;
  let anew = false;
  for (const [place, data] of items.entries()) {
    try {
      const item = decodeItem(data);
      if (item.entry !== undefined) ahead?.note(place, item.entry);
      anew = append(held, item, readAnew) || anew;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      stopped = { code: error.code, detail: error.detail };
      break;
    }
    yield place + 1;
  }
  const { log, rejected } = held;
  const rows = [...rejected]
    .filter(([seq]) => anew || seq >= before)
    .map(([seq, { code, detail }]) => ({ seq, code, detail }));
  const told = { size: log.size, root: log.root(log.size)!, rejected: rows, anew };
  return stopped === undefined ? told : { ...told, stopped };
}

/** Whether the log was read anew for it. */
function append<AnyLog extends DirectoryLog | OperationLog>(
  held: Followable<AnyLog>,
  item: Item,
  readAnew: () => void,
): boolean {
  try {
    const rejection = held.log.apply(item);
    if (rejection !== undefined && item.entry?.header.type === "log.restored") {
      readAnew(); // without it: what was read before it stands, and a reader that rejects it stops (RES-4)
      throw new ProtocolError("log_damaged", `entry ${item.seq}, log.restored: ${rejection.code}: ${rejection.detail}`);
    }
    held.items.push(item);
    if (rejection !== undefined) held.rejected.set(item.seq, rejection);
    return false;
  } catch (error) {
    if (!(error instanceof ReadAnew)) throw error;
    held.items.push(item);
    try {
      readAnew();
      return true;
    } catch (refused) {
      held.items.pop(); // what was read before it stands (11.2)
      throw refused;
    }
  }
}
