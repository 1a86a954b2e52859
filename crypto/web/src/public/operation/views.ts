/** What an operation's state allows at a time (PROTOCOL 11.1). */
import { isOver, type OperationState } from "./state.ts";

/** Whether bodies of messages and drops, wraps and parts may be gone by then (ERA-1). */
export function isErasable(state: OperationState, at: number): boolean {
  if (state.phase === "erased") return true;
  const due = state.eraseAt !== 0 && at >= state.eraseAt && isOver(state, at);
  const open = [...state.requests.values()].some(({ report }) => report === undefined);
  return due && state.holds.size === 0 && !open;
}
