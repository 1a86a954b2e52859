/**
 * The page's side: calls as promises, each of which ends.
 *
 * A worker can end without a word: a page or the browser ends it, or its script does not load. Then
 * all that was asked is refused with `worker_gone`, and so is all that is asked later; nothing that a
 * call without an answer did is kept anywhere.
 */
import { CencommError, PROTOCOL_CODES, ProtocolError, type ProtocolCode } from "../public/errors.ts";
import { RotationMismatch } from "../member/flag.ts";
import type { Answer, Args, Calls, CallName, Cancel, Failure, Progress, Request, Result } from "./calls.ts";

/** What both a Worker and, for tests of this interface, a MessagePort are. */
export interface WorkerLike {
  postMessage(message: Request | Cancel): void;
  addEventListener(type: string, listener: (event: any) => void): void;
  terminate(): void;
}

export interface CallOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Abort it to cancel the call, which is then refused with `cancelled`. */
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly resolve: (result: any) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

const START_MS = 30_000;

export class CryptoWorker {
  readonly #worker: WorkerLike;
  readonly #waiting = new Map<number, Waiting>();
  readonly #watch = new AbortController();
  #last = 0;
  #gone: CencommError | undefined;

  private constructor(worker: WorkerLike) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: { data: Answer }) => this.#take(data));
    worker.addEventListener("messageerror", () => this.#end("it sent what cannot be read"));
    worker.addEventListener("error", ({ message }: { message?: string }) => {
      this.#end(message ? `it failed: ${message}` : "its script did not load");
    });
  }

  /**
   * A worker that has loaded its library. Raises `crypto_unavailable` where there is no WebAssembly or
   * the page's policy forbids it, `worker_gone` where the worker ends or does not answer.
   */
  static async start(worker: WorkerLike, startMs = START_MS): Promise<CryptoWorker> {
    const started = new CryptoWorker(worker);
    const late = setTimeout(() => started.#end(`it did not start within ${startMs} ms`), startMs);
    try {
      // Only who holds it can be waited for: a page hears of no end but by the lock that becomes free.
      const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
      if (locks === undefined) {
        await started.call("start", {}); // no secure context, as in Node: only `end` and errors tell of an end
        return started;
      }
      const lock = `cencomm-worker-${crypto.randomUUID()}`;
      await started.call("start", { lock });
      locks
        .request(lock, { signal: started.#watch.signal }, () => started.#end("it ended"))
        .catch(() => {}); // aborted: this client ended it
      return started;
    } catch (error) {
      started.#end("it did not start");
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** Ask; resolves with the result, or raises what the worker did, under the same code. */
  call<Name extends CallName>(name: Name, args: Args<Name>, options: CallOptions = {}): Promise<Result<Name>> {
    const { onProgress, signal } = options;
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = ++this.#last;
    const asked = new Promise<Calls[Name]["result"]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
    });
    const cancel = (): void => this.#worker.postMessage({ cancel: id });
    try {
      this.#worker.postMessage({ id, name, args });
    } catch (error) {
      this.#settle(id)?.reject(new CencommError("internal", `${name}: its arguments cannot be sent: ${String(error)}`));
      return asked;
    }
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    return asked.finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** End the worker; what waits is refused with `worker_gone`. */
  end(): void {
    this.#end("this page ended it");
  }

  #take(answer: Answer): void {
    if ("progress" in answer) {
      this.#waiting.get(answer.id)?.onProgress?.(answer.progress);
    } else if ("failure" in answer) {
      this.#settle(answer.id)?.reject(errorOf(answer.failure));
    } else {
      this.#settle(answer.id)?.resolve(answer.result);
    }
  }

  #settle(id: number): Waiting | undefined {
    const found = this.#waiting.get(id);
    this.#waiting.delete(id);
    return found;
  }

  #end(why: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = new CencommError("worker_gone", `the worker is gone: ${why}; start another one and ask again`);
    this.#watch.abort();
    this.#worker.terminate();
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(this.#gone);
  }
}

const PROTOCOL: ReadonlySet<string> = new Set(PROTOCOL_CODES);

function errorOf({ code, detail, reason }: Failure): CencommError {
  if (reason !== undefined) return new RotationMismatch(reason);
  return PROTOCOL.has(code) ? new ProtocolError(code as ProtocolCode, detail) : new CencommError(code, detail);
}
