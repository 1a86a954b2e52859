/** The directory's state as bytes, by which implementations compare (PROTOCOL DIR-23). */
import { fromHex } from "../bytes.ts";
import { encode, type Value } from "../encoding.ts";
import { latest } from "../history.ts";
import { sha256 } from "../primitives.ts";
import { type DirectoryState, isSuspended } from "./state.ts";

/** H(encode(p)). */
export function directoryHash(state: DirectoryState): Uint8Array {
  return sha256(encode(project(state)));
}

function project(state: DirectoryState): Value {
  const governance = latest(state.governance);
  return {
    id: state.id,
    name: state.name,
    size: state.size,
    at: state.at,
    log_key: state.logKey,
    suite_min: latest(state.suiteMin),
    rules: state.rules,
    governance: [governance.k, [...governance.keys], state.governanceSerial, state.governanceChanged],
    witness: [state.witness.keys.map((row) => [...row]), state.witness.k, state.witness.fresh, state.witness.mode],
    admins: sorted(state.administrations).map(([id, one]) => [
      fromHex(id),
      one.code,
      one.root,
      isSuspended(one),
      one.serial,
      one.changed,
    ]),
    persons: sorted(state.persons).map(([id, one]) => [
      fromHex(id),
      fromHex(one.administration),
      one.code,
      one.kind,
      isSuspended(one),
      latest(one.mayCreate),
      latest(one.ncp),
      one.devices.map(fromHex),
      opt(one.reset),
      opt(one.request),
      one.changed,
    ]),
    devices: sorted(state.devices).map(([id, one]) => [
      fromHex(id),
      fromHex(one.person),
      one.signPk,
      latest(one.boxPk),
      one.added,
      one.voucher === undefined ? [] : [fromHex(one.voucher)],
      opt(one.revoked),
      opt(one.boxPk.length > 1 ? one.boxPk.at(-1)![0] : undefined),
      one.changed,
    ]),
    root_keys: sorted(state.rootKeys).map(([key, use]) => [fromHex(key), use]),
    box_keys: [...state.boxKeys].sort().map(fromHex),
    authors: sorted(state.authors).map(([device, { seen, ids }]) => [fromHex(device), seen, [...ids].sort().map(fromHex)]),
    restored: state.restored.map(({ seq, from, to, serial }) => [seq, from, to, serial]),
  };
}

function opt(value: number | undefined): Value[] {
  return value === undefined ? [] : [value];
}

/** By key: hex sorts as its bytes do. */
function sorted<T>(rows: ReadonlyMap<string, T>): [string, T][] {
  return [...rows].sort(([one], [other]) => (one < other ? -1 : 1));
}
