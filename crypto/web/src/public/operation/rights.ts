/** Which role may author what, as data (PROTOCOL 12.2); a test holds the table equal to the specification. */

export const ROLES = ["coordinator", "officer", "analyst", "observer", "expert", "bot", "auditor", "ncp"] as const;
export type Role = (typeof ROLES)[number];

const COORDINATOR: readonly Role[] = ["coordinator"];
const WRITERS: readonly Role[] = ["coordinator", "officer", "analyst", "expert", "ncp"];
const MEMBERS: readonly Role[] = ["coordinator", "officer", "analyst", "observer", "expert", "ncp"];

const AUTHORS: { readonly [type: string]: readonly Role[] } = {
  "members.admit": COORDINATOR,
  "members.remove": COORDINATOR,
  "role.set": COORDINATOR,
  "device.accept": COORDINATOR,
  "channel.create": WRITERS,
  "channel.members": COORDINATOR,
  "phase.set": COORDINATOR,
  "operation.cancel": COORDINATOR,
  "operation.suspend": COORDINATOR,
  "operation.close": MEMBERS,
  "directory.sync": MEMBERS,
  "rules.raise": COORDINATOR,
  release: ["ncp"],
  "release.receipt": ["ncp"],
  hold: ["coordinator", "auditor", "ncp"],
  "audit.request": ["auditor"],
  "audit.grant": ["auditor"],
  "audit.report": ["auditor"],
  "window.propose": COORDINATOR,
  "audit.propose": COORDINATOR,
  "close.propose": COORDINATOR,
  "resume.propose": COORDINATOR,
  "erase.propose": COORDINATOR,
  "unhold.propose": COORDINATOR,
  "window.approve": COORDINATOR,
  "audit.approve": COORDINATOR,
  "close.approve": COORDINATOR,
  "resume.approve": COORDINATOR,
  "erase.approve": COORDINATOR,
  "unhold.approve": COORDINATOR,
  "channel.rotate": WRITERS,
  "channel.grant": WRITERS,
  "channel.flag": MEMBERS,
  message: WRITERS,
  drop: ["bot"],
  "drop.result": WRITERS,
  "channel.close": COORDINATOR,
  "channel.reveal": MEMBERS,
};

export function mayAuthor(role: Role, type: string): boolean {
  return AUTHORS[type]?.includes(role) ?? false;
}
