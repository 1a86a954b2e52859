/**
 * A log as its readers rebuild it: the tree, and the state that the rules give (PROTOCOL 6.2, 7.1, 11.2).
 *
 * Verifies place, time, scope and log id; whoever feeds it verifies checkpoints against `root()`.
 * An item changes the log wholly or not at all: whatever is raised, the log is as before.
 */
import { equal } from "./bytes.ts";
import { foundDirectory } from "./directory/genesis.ts";
import { judgeDirectory } from "./directory/rules.ts";
import { type DirectoryState, DirectoryView, type Restored } from "./directory/state.ts";
import { type Entry, logId } from "./entry.ts";
import { ProtocolError, type Rejection, RuleViolation } from "./errors.ts";
import type { Roots } from "./history.ts";
import { Losses, ReadAnew } from "./lost.ts";
import { type DirectoryHistory, judgeOperation, openOperation } from "./operation/rules.ts";
import type { OperationState } from "./operation/state.ts";
import { Tree } from "./tree.ts";
import { isGenesis } from "./types.ts";
import { isControl, type Item } from "./wire.ts";

/** What both kinds of log share: the id, the tree and the checks of an item's place. */
abstract class Log<State extends { size: number; at: number; readonly restored: Restored[] }> implements Roots {
  #tree = new Tree();
  readonly losses: Losses;
  protected current: State | undefined;
  readonly #void: Set<number>;
  #lost: number[] = [];
  protected readonly pin: Uint8Array | undefined;
  #id: Uint8Array | undefined;

  constructor(pin: Uint8Array | undefined, losses: Losses) {
    this.pin = pin;
    this.losses = losses;
    this.#void = losses.void();
  }

  get size(): number {
    return this.#tree.size;
  }

  /** The newest state. Raises `wrong_head` before the genesis. */
  get state(): State {
    if (this.current === undefined) throw new ProtocolError("wrong_head", "the log has no genesis yet");
    return this.current;
  }

  /** All 32 bytes of the log's id, once it has a genesis. */
  get id(): Uint8Array | undefined {
    return this.#id;
  }

  /** Places read as lost that no accepted log.restored names: the log is damaged for this reader. */
  get unnamed(): number[] {
    if (this.#lost.length === 0) return [];
    const { restored } = this.state;
    return this.#lost.filter((seq) => !restored.some(({ from, to }) => from <= seq && seq < to));
  }

  root(size: number): Uint8Array | undefined {
    return size <= this.size ? this.#tree.root(size) : undefined;
  }

  leaf(seq: number): Uint8Array | undefined {
    return seq < this.size ? this.#tree.leaf(seq) : undefined;
  }

  /**
   * Append the item. Gives why its entry has no effect, or undefined if it was accepted, withheld or void.
   *
   * Raises ProtocolError where the reader stops, DirectoryBehind to wait, ReadAnew where the log must
   * be replayed from its start.
   */
  apply(item: Item): Rejection | undefined {
    this.#place(item);
    const rejection = this.#hasEffect(item) ? this.#judged(item) : undefined;
    this.#tree.append(item.leaf);
    if (item.seq === 0) this.#id = logId(item.entry!);
    if (item.form === "lost") this.#lost.push(item.seq);
    const state = this.state;
    state.size = item.seq + 1;
    state.at = item.at;
    return rejection;
  }

  #judged(item: Item & { entry: Entry }): Rejection | undefined {
    try {
      if (this.current === undefined) {
        this.current = this.found(item);
        return undefined;
      }
      const effect = this.judge(item);
      if (item.entry.header.type === "log.restored") this.#expectKnown(item);
      effect();
      return undefined;
    } catch (error) {
      if (!(error instanceof RuleViolation)) throw error;
      if (item.seq === 0) throw new ProtocolError(error.code, error.detail, { cause: error });
      return { code: error.code, detail: error.detail };
    }
  }

  /** Raise ReadAnew where a log.restored that holds names what may have had an effect here. */
  #expectKnown(item: Item & { entry: Entry }): void {
    if (this.losses.named.has(item.seq)) return;
    const { from, to } = item.entry.body as unknown as { from: number; to: number };
    const without = new Set([...this.#void, ...this.#lost]);
    for (let place = from; place < to; place++) {
      if (!without.has(place)) throw new ReadAnew(this.losses.and(item.seq, from, to));
    }
  }

  #hasEffect(item: Item): item is Item & { entry: Entry } {
    return item.entry !== undefined && !this.#void.has(item.seq);
  }

  /** TREE-1, ENT-3, ENT-4: failures are the server's fault (A4, A6, A39, A48). */
  #place(item: Item): void {
    const { seq, at, entry } = item;
    if (seq !== this.size) throw damaged(`item ${seq} read where ${this.size} was expected`);
    if (this.current !== undefined && at < this.current.at) {
      throw damaged(`item ${seq}: its time lies before that of the one before it`);
    }
    if (entry === undefined) {
      if (seq === 0) throw damaged("the genesis was withheld");
      if (item.form === "withheld" && (isControl(item) || this.withholdsNothing)) {
        throw damaged(`item ${seq}: it was withheld, and this reader may have it`);
      }
      return;
    }
    if (isGenesis(entry.header.type) !== (seq === 0)) {
      throw damaged(`item ${seq}: a genesis stands first, and only there`);
    }
    if (seq === 0) {
      if (this.pin !== undefined && !equal(logId(entry), this.pin)) {
        throw new ProtocolError("wrong_log", "the genesis is not the one pinned");
      }
    } else if (!equal(entry.header.log!, this.#id!.subarray(0, 16))) {
      throw new ProtocolError("wrong_log", `item ${seq} was signed for another log`);
    }
  }

  /** A log of its own that reads on from here. */
  protected continue<Same extends Log<State>>(other: Same): Same {
    other.#tree = this.#tree.copy();
    other.current = structuredClone(this.current);
    other.#lost = [...this.#lost];
    other.#id = this.#id;
    return other;
  }

  protected abstract readonly withholdsNothing: boolean;
  protected abstract found(item: Item & { entry: Entry }): State;
  protected abstract judge(item: Item & { entry: Entry }): () => void;
}

/** The directory, which also answers for every size that it had. */
export class DirectoryLog extends Log<DirectoryState> {
  protected readonly withholdsNothing = true;

  /** `pin`: all 32 bytes of the id that the genesis must have. */
  constructor(pin?: Uint8Array, losses: Losses = new Losses()) {
    super(pin, losses);
  }

  copy(): DirectoryLog {
    return this.continue(new DirectoryLog(this.pin, this.losses));
  }

  /** The directory after its first `size` entries; undefined beyond what was read. */
  viewAt(size: number): DirectoryView | undefined {
    return size >= 1 && size <= this.size ? new DirectoryView(this.state, size) : undefined;
  }

  protected found({ entry, at }: Item & { entry: Entry }): DirectoryState {
    if (entry.header.type !== "directory.genesis") {
      throw new ProtocolError("wrong_type", `${entry.header.type} read, directory.genesis expected`);
    }
    return foundDirectory(entry, at);
  }

  protected judge(item: Item & { entry: Entry }): () => void {
    return judgeDirectory(this.state, item, this);
  }
}

/** An operation over a directory, which must be ahead of what its entries name. */
export class OperationLog extends Log<OperationState> {
  protected readonly withholdsNothing = false;
  readonly directory: DirectoryHistory;

  /** `pin`: all 32 bytes of the id that the genesis must have. */
  constructor(directory: DirectoryHistory, pin?: Uint8Array, losses: Losses = new Losses()) {
    super(pin, losses);
    this.directory = directory;
  }

  copy(directory: DirectoryHistory = this.directory): OperationLog {
    return this.continue(new OperationLog(directory, this.pin, this.losses));
  }

  protected found(item: Item & { entry: Entry }): OperationState {
    if (item.entry.header.type !== "operation.genesis") {
      throw new ProtocolError("wrong_type", `${item.entry.header.type} read, operation.genesis expected`);
    }
    return openOperation(item, this.directory);
  }

  protected judge(item: Item & { entry: Entry }): () => void {
    return judgeOperation(this.state, item, this, this.directory);
  }
}

/**
 * Replay a whole log, anew as often as what it calls lost asks for (11.2).
 *
 * Gives the log and, by seq, why entries have no effect. Raises as `apply`, but for ReadAnew.
 */
export function readLog<AnyLog extends DirectoryLog | OperationLog>(
  start: (losses: Losses) => AnyLog,
  items: Iterable<Item>,
): { log: AnyLog; rejected: Map<number, Rejection> } {
  for (let losses = new Losses(); ; ) {
    const log = start(losses);
    const rejected = new Map<number, Rejection>();
    try {
      for (const item of items) {
        const rejection = log.apply(item);
        if (rejection === undefined) continue;
        expectNoRestoration(item, rejection);
        rejected.set(item.seq, rejection);
      }
      return { log, rejected };
    } catch (error) {
      if (!(error instanceof ReadAnew)) throw error;
      losses = error.losses;
    }
  }
}

/** RES-4: a reader that rejects a log.restored stops, since others may take it. */
function expectNoRestoration(item: Item, { code, detail }: Rejection): void {
  if (item.entry?.header.type === "log.restored") {
    throw damaged(`entry ${item.seq}, log.restored: ${code}: ${detail}`);
  }
}

function damaged(what: string): ProtocolError {
  return new ProtocolError("log_damaged", what);
}
