/**
 * What anybody may compute: bytes, keys, entries, trees, notes and the two rule sets.
 *
 * Refuses to hold or derive any key that opens content; never imports `../member/`, and a test
 * holds this.
 */
export * from "./bytes.ts";
export { directoryHash } from "./directory/projection.ts";
export { type DirectoryState, DirectoryView } from "./directory/state.ts";
export * from "./encoding.ts";
export * from "./entry.ts";
export * from "./errors.ts";
export * from "./keys.ts";
export * from "./note.ts";
export { operationHash } from "./operation/projection.ts";
export * from "./operation/recipients.ts";
export { currentEpoch, isChannelOver, isOver, type OperationState, phaseAt, windowOf } from "./operation/state.ts";
export { isErasable } from "./operation/views.ts";
export * from "./phases.ts";
export * from "./primitives.ts";
export { DirectoryLog, OperationLog, readLog } from "./replay.ts";
export { loadSodium } from "./sodium.ts";
export * from "./tree.ts";
export * from "./wire.ts";
