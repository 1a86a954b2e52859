/** A channel in place of a worker, for tests of the interface: it copies what crosses, as a real one does. */
import { MessageChannel } from "node:worker_threads";

import type { WorkerLike } from "../../src/worker/client.ts";
import { serve, type Port } from "../../src/worker/serving.ts";
import type { Handlers } from "../../src/worker/session.ts";

const ends: (() => void)[] = [];

/** The page's end; behind it the real calls, or nobody. */
export function channel(answering = true, handlers?: Handlers): WorkerLike {
  const { port1, port2 } = new MessageChannel();
  if (answering) serve(port2 as unknown as Port, handlers);
  port1.start();
  port2.start();
  const terminate = (): void => {
    port1.close();
    port2.close();
  };
  ends.push(terminate);
  const page = port1 as unknown as WorkerLike;
  return {
    postMessage: (message) => page.postMessage(message),
    addEventListener: (type, listener) => page.addEventListener(type, listener),
    terminate,
  };
}

/** Close all that were made. */
export function endAll(): void {
  for (const end of ends.splice(0)) end();
}
