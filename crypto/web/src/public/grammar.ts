/**
 * The grammar of PROTOCOL Appendix A, word for word; a test holds it equal to the specification.
 *
 * Shapes are compiled from it, so there is no second table that could differ.
 */
import { compile, type Shape } from "./shape.ts";

/** Headers, bodies and transport. */
export const GRAMMAR = `
; header
header = { v: 1..65535, suite: 1..65535, type: tstr .size (1..32), device: bstr .size 16, id: bstr .size 16, time: 0..9007199254740991, seen: [0..9007199254740991, bstr .size 32], ? dir: [0..9007199254740991, bstr .size 32], ? log: bstr .size 16, ? chan: bstr .size 16, ? epoch: 1..9007199254740991, ? kind: tstr .size (1..32), ? re: bstr .size 32, ? prio: tstr .size (1..32), ? ack_by: 0..9007199254740991, ? to: [1*200 bstr .size 16] }

; directory, signed by the governance root
directory.genesis = { type: "directory.genesis", name: tstr .size (1..64), log_key: bstr .size 32, governance: { keys: [1*16 bstr .size 32], k: 1..16 }, witness: { keys: [0*16 [tstr .size (1..128), bstr .size 32]], k: 0..16, fresh: 0..86400, mode: "warn" / "strict" }, suite_min: 1..65535, rules: 1..65535, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]], ? previous: [bstr .size 32, 0..9007199254740991, bstr .size 32] }
admin.add = { type: "admin.add", code: tstr .size (1..32), root: bstr .size 32, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
admin.suspend = { type: "admin.suspend", admin: bstr .size 16, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
admin.resume = { type: "admin.resume", admin: bstr .size 16, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
admin.rekey = { type: "admin.rekey", admin: bstr .size 16, root: bstr .size 32, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
governance.rekey = { type: "governance.rekey", keys: [1*16 bstr .size 32], k: 1..16, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
logkey.set = { type: "logkey.set", log_key: bstr .size 32, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
witness.set = { type: "witness.set", witness: { keys: [0*16 [tstr .size (1..128), bstr .size 32]], k: 0..16, fresh: 0..86400, mode: "warn" / "strict" }, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
suite.raise = { type: "suite.raise", suite_min: 1..65535, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
role.grant = { type: "role.grant", person: bstr .size 16, role: "operations", poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
role.withdraw = { type: "role.withdraw", person: bstr .size 16, role: "operations", poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
log.restored = { type: "log.restored", log: bstr .size 16, from: 0..9007199254740991, to: 0..9007199254740991, leaves: [0*900 bstr .size 56], poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }

; directory, signed by an administration's root
ncp.appoint = { type: "ncp.appoint", admin: bstr .size 16, person: bstr .size 16, code: tstr .size (1..32), sign_pk: bstr .size 32, box_pk: bstr .size 32, proof: bstr .size 64, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }
ncp.dismiss = { type: "ncp.dismiss", admin: bstr .size 16, person: bstr .size 16, poster: bstr .size 32, serial: 0..9007199254740991, sigs: [0*16 [0..15, bstr .size 64]] }

; directory, by devices
person.add = { person: bstr .size 16, code: tstr .size (1..32), kind: "human" / "bot" }
person.suspend = { person: bstr .size 16 }
person.resume = { person: bstr .size 16 }
person.reset = { person: bstr .size 16 }
role.request = { person: bstr .size 16, role: "operations" }
device.add = { person: bstr .size 16, sign_pk: bstr .size 32, box_pk: bstr .size 32, proof: bstr .size 64 }
device.revoke = { device: bstr .size 16 }
device.rekey = { box_pk: bstr .size 32 }

; operation, control (log.restored stands above)
operation.genesis = { directory: bstr .size 32, name: tstr .size (1..64), window: [0..9007199254740991, 0..9007199254740991], grace: 0..31622400000, live: [0..9007199254740991, 0..9007199254740991], phases: 1..65535, history: "all" / "none", metadata: "full" / "minimal", browser: bool, retention: { erase_at: 0..9007199254740991 }, clocks: { accept_s: 0..31622400, flash_s: 0..31622400, feedback_s: 0..31622400, seizure_s: 0..31622400, long_s: 0..31622400, sit_s: 0..31622400 }, exercise: bool, forms: bstr .size 0 / bstr .size 32, audit: { persons: [0*16 bstr .size 16], k: 0..16 }, witness: { keys: [0*16 [tstr .size (1..128), bstr .size 32]], k: 0..16, fresh: 0..86400, mode: "warn" / "strict" }, legal: tstr .size (1..2048), rules: 1..65535, suite_min: 1..65535, ? previous: [bstr .size 32, 0..9007199254740991, bstr .size 32] }
members.admit = { members: [1*1000 { person: bstr .size 16, role: "coordinator" / "officer" / "analyst" / "observer" / "expert" / "bot" / "auditor" / "ncp", ? chan: bstr .size 16, ? kinds: [1*32 tstr .size (1..32)], ? rate: 1..1000000 }] }
members.remove = { persons: [1*1000 bstr .size 16] }
role.set = { person: bstr .size 16, role: "coordinator" / "officer" / "analyst" / "observer" / "expert" / "bot" / "auditor" / "ncp" }
channel.create = { name: tstr .size (1..64), window: [0..9007199254740991, 0..9007199254740991], ? members: [0*3000 bstr .size 16], ? rule: { ? all: bool, ? admins: [1*300 bstr .size 16], ? roles: [1*8 "coordinator" / "officer" / "analyst" / "observer" / "expert" / "bot" / "auditor" / "ncp"] }, ? parent: bstr .size 16 }
channel.members = { chan: bstr .size 16, add: [0*1000 bstr .size 16], remove: [0*1000 bstr .size 16] }
phase.set = { phase: "draft" / "prep" / "live" / "post" / "debrief" }
operation.cancel = { }
operation.suspend = { }
operation.close = { }
device.accept = { device: bstr .size 16 }
directory.sync = { }
release = { entry: bstr .size 32, fields: [0*256 tstr .size (1..64)], use: tstr .size (1..64), manifest: bstr .size 32, ? replaces: bstr .size 32 }
release.receipt = { release: bstr .size 32, receipt: tstr .size (1..256) }
hold = { reason: tstr .size (1..2048) }
audit.request = { chan: bstr .size 16, purpose: tstr .size (1..2048) }
audit.grant = { request: bstr .size 32, x: 1..16, chan: bstr .size 16, n: 1..18446744073709551615, share: bstr .size (1..512) }
audit.report = { request: bstr .size 32, hash: bstr .size 32 }
rules.raise = { rules: 1..65535 }
window.propose = { ? not_after: 0..9007199254740991, ? live: [0..9007199254740991, 0..9007199254740991], ? channels: [1*300 [bstr .size 16, [0..9007199254740991, 0..9007199254740991]]] }
audit.propose = { audit: { persons: [0*16 bstr .size 16], k: 0..16 } }
close.propose = { }
resume.propose = { }
erase.propose = { }
unhold.propose = { hold: bstr .size 32 }
window.approve = { proposal: bstr .size 32 }
audit.approve = { proposal: bstr .size 32 }
close.approve = { proposal: bstr .size 32 }
resume.approve = { proposal: bstr .size 32 }
erase.approve = { proposal: bstr .size 32 }
unhold.approve = { proposal: bstr .size 32 }

; operation, a channel's
channel.rotate = { p: uint, commit: bstr .size 32, close_commit: bstr .size 32, wraps_root: bstr .size 32, recips: bstr .size 32, count: 1..16384, drop_pk: bstr .size 32, ? prev_close: bstr .size 48, ? prev_link: bstr .size 48, ? escrow: bstr .size 48, ? shares_root: bstr .size 32, ? shares: 0..256 }
channel.grant = { n: 1..18446744073709551615, device: bstr .size 16, box_pk: bstr .size 32, wrap: bstr .size 32 }
channel.flag = { n: 1..18446744073709551615, code: tstr .size (1..32) }
drop.result = { re: bstr .size 32, device: bstr .size 16, box: bstr .size 304 }
channel.close = { n: 1..18446744073709551615, kc: bstr .size 32 }
channel.reveal = { n: 1..18446744073709551615, kc: bstr .size 32 }

; transport
item-whole = [0, 0..9007199254740991, 0..9007199254740991, bstr .size (1..4096), bstr .size (0..57344), bstr .size 64]
item-withheld = [1, 0..9007199254740991, 0..9007199254740991, bstr .size 16, bstr .size 32]
item-erased = [2, 0..9007199254740991, 0..9007199254740991, bstr .size (1..4096), bstr .size 32, bstr .size 64]
item-lost = [3, 0..9007199254740991, 0..9007199254740991, bstr .size 16, bstr .size 32]
submission = [bstr .size (1..4096), bstr .size (0..57344), bstr .size 64, bstr .size (0..1835008), bstr .size (0..28672)]
receipt = { seq: 0..9007199254740991, at: 0..9007199254740991, note: bstr .size (1..16384), proof: [0*64 bstr .size 32] }

; bodies of message and drop are bytes (8.5, 8.6)
`;

/** Sealed content and paper. */
export const SEALED_GRAMMAR = `
payload = { kind: tstr .size (1..32), mid: bstr .size 16, content: { * tstr => any }, ? re: bstr .size 32, ? prio: tstr .size (1..32), ? ack_by: 0..9007199254740991, ? to: [1*200 bstr .size 16] }

; content of a payload of kind PRF
profiles = { persons: [1*1000 { person: bstr .size 16, code: tstr .size (1..32), name: tstr .size (1..200), ? unit: tstr .size (1..200), ? languages: [1*16 tstr .size (1..16)], ? note: tstr .size (1..1000) }] }

; in the box of a drop.result
result = { outcome: tstr .size (1..32), ? reason: tstr .size (1..32) }
`;

const RULES: ReadonlyMap<string, string> = new Map(
  (GRAMMAR + SEALED_GRAMMAR)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith(";"))
    .map((line) => {
      const equals = line.indexOf(" = ");
      return [line.slice(0, equals), line.slice(equals + 3)];
    }),
);

const compiled = new Map<string, Shape>();

/** Whether the grammar has a rule of this name: of an entry type, its body's. */
export function isNamed(name: string): boolean {
  return RULES.has(name);
}

/** The shape of a rule; compiled at its first use. */
export function shapeOf(name: string): Shape {
  let shape = compiled.get(name);
  if (shape === undefined) {
    const rule = RULES.get(name);
    if (rule === undefined) throw new RangeError(`no rule ${name} in the grammar`);
    shape = compile(rule);
    compiled.set(name, shape);
  }
  return shape;
}
