/**
 * The worker's side: calls one after another, each wholly or not at all.
 *
 * Long work is cut into slices; between two of them the page is told, and a call may be cancelled.
 */
import { CencommError } from "../public/errors.ts";
import { RotationMismatch } from "../member/flag.ts";
import { breath } from "./ahead.ts";
import type { Answer, Cancel, CallName, Failure, Request } from "./calls.ts";
import { Session, type Handlers, type Work } from "./session.ts";

/** What both a worker's global scope and a MessagePort are. */
export interface Port {
  postMessage(message: Answer): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request | Cancel>) => void): void;
}

const SLICE_MS = 50;

/** Answer what comes through the port, until its end. */
export function serve(port: Port, handlers: Handlers = new Session().handlers): void {
  const cancelled = new Set<number>();
  const waiting = new Set<number>();
  let turn = Promise.resolve();

  async function answer({ id, name, args }: Request): Promise<void> {
    try {
      const handle = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
      if (handle === undefined) throw new CencommError("internal", `no call named ${String(name)}`);
      expectGoing(id);
      const work = await (handle as (args: unknown) => Work<CallName> | Promise<Work<CallName>>)(args);
      const { result, commit } = await ended(id, work);
      commit?.();
      port.postMessage({ id, result });
    } catch (error) {
      port.postMessage({ id, failure: failureOf(error) });
    } finally {
      waiting.delete(id);
      cancelled.delete(id);
    }
  }

  async function ended(id: number, { total, steps, cancellable = true }: Work<CallName>): Promise<Ended> {
    let sliced = performance.now();
    try {
      for (;;) {
        const { done, value } = steps.next();
        if (done) return value;
        if (performance.now() - sliced < SLICE_MS) continue;
        port.postMessage({ id, progress: { done: value, total } });
        await breath();
        if (cancellable) expectGoing(id);
        sliced = performance.now();
      }
    } finally {
      steps.return(undefined as never); // what was left in the middle cleans up
    }
  }

  function expectGoing(id: number): void {
    if (cancelled.has(id)) throw new CencommError("cancelled", "the call was cancelled before its end");
  }

  port.addEventListener("message", ({ data }) => {
    if ("cancel" in data) {
      if (waiting.has(data.cancel)) cancelled.add(data.cancel);
      return;
    }
    waiting.add(data.id);
    turn = turn.then(() => answer(data));
  });
}

type Ended = Work<CallName>["steps"] extends Generator<number, infer Value, void> ? Value : never;

export function failureOf(error: unknown): Failure {
  if (error instanceof RotationMismatch) {
    return { code: error.code, detail: error.detail, reason: error.reason };
  }
  if (error instanceof CencommError) return { code: error.code, detail: error.detail };
  return { code: "internal", detail: String(error) };
}
