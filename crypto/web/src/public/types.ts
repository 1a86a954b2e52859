/** Entry types: of which log, and what their headers hold (PROTOCOL ENT-5, Appendix A). */

const GENESES = ["directory.genesis", "operation.genesis"];

const DIRECTORY = [
  "directory.genesis",
  "admin.add",
  "admin.suspend",
  "admin.resume",
  "admin.rekey",
  "governance.rekey",
  "logkey.set",
  "witness.set",
  "suite.raise",
  "role.grant",
  "role.withdraw",
  "ncp.appoint",
  "ncp.dismiss",
  "person.add",
  "person.suspend",
  "person.resume",
  "person.reset",
  "role.request",
  "device.add",
  "device.revoke",
  "device.rekey",
] as const;

const CONTROL = [
  "operation.genesis",
  "members.admit",
  "members.remove",
  "role.set",
  "device.accept",
  "channel.create",
  "channel.members",
  "phase.set",
  "operation.cancel",
  "operation.suspend",
  "operation.close",
  "directory.sync",
  "rules.raise",
  "release",
  "release.receipt",
  "hold",
  "audit.request",
  "audit.grant",
  "audit.report",
  "window.propose",
  "audit.propose",
  "close.propose",
  "resume.propose",
  "erase.propose",
  "unhold.propose",
  "window.approve",
  "audit.approve",
  "close.approve",
  "resume.approve",
  "erase.approve",
  "unhold.approve",
] as const;

const CHANNEL = [
  "channel.rotate",
  "channel.grant",
  "channel.flag",
  "channel.close",
  "channel.reveal",
  "message",
  "drop",
  "drop.result",
] as const;

/** In either log. */
const BOTH = ["log.restored"] as const;

export type DirectoryType = (typeof DIRECTORY)[number] | (typeof BOTH)[number];
export type ControlType = (typeof CONTROL)[number] | (typeof BOTH)[number];
export type ChannelType = (typeof CHANNEL)[number];
export type OperationType = ControlType | ChannelType;

const directoryTypes = new Set<string>([...DIRECTORY, ...BOTH]);
const channelTypes = new Set<string>(CHANNEL);
const operationTypes = new Set<string>([...CONTROL, ...CHANNEL, ...BOTH]);
const epochTypes = new Set<string>(["channel.rotate", "channel.grant", "channel.flag", "message", "drop"]);

export const DIRECTORY_TYPES: ReadonlySet<string> = directoryTypes;
export const OPERATION_TYPES: ReadonlySet<string> = operationTypes;

/** Their bodies are sealed bytes, and may be erased. */
export const BODY_IS_BYTES: ReadonlySet<string> = new Set(["message", "drop"]);

export function isKnownType(type: string): type is DirectoryType | OperationType {
  return directoryTypes.has(type) || operationTypes.has(type);
}

export function isDirectoryType(type: string): type is DirectoryType {
  return directoryTypes.has(type);
}

export function isOperationType(type: string): type is OperationType {
  return operationTypes.has(type);
}

export function isGenesis(type: string): boolean {
  return GENESES.includes(type);
}

export function hasChannel(type: string): boolean {
  return channelTypes.has(type);
}

export function hasEpoch(type: string): boolean {
  return epochTypes.has(type);
}

/** Whether headers of this type name a directory head; undefined where that depends on the log. */
export function needsDir(type: string): boolean | undefined {
  const either = directoryTypes.has(type) && operationTypes.has(type);
  return either ? undefined : operationTypes.has(type);
}
