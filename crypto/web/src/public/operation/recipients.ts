/** Who is in a channel, which devices may speak, and who receives its epochs (PROTOCOL 7.6, CHN-2). */
import { compare, concat, fromHex } from "../bytes.ts";
import type { Device, DirectoryView } from "../directory/state.ts";
import type { DeviceId, PersonId } from "../ids.ts";
import { sha256 } from "../primitives.ts";
import { auditSetOf, type Channel, currentEpoch, type Epoch, type OperationState } from "./state.ts";

export interface Recipient {
  readonly device: DeviceId;
  readonly boxPk: Uint8Array;
}

export interface ShareHolder extends Recipient {
  /** The auditor's place in the audit set, from 1. */
  readonly x: number;
}

/** The part of a channel that decides who is in it. */
export type Roster = Pick<Channel, "id" | "main" | "parent" | "members" | "rule">;

/** CHN-2. */
export function isInChannel(state: OperationState, channel: Roster, person: PersonId): boolean {
  const member = state.members.get(person);
  if (member === undefined || member.role === "bot") return false;
  if (channel.main || member.chan === channel.id) return true;
  if (member.role === "expert" && (channel.parent === undefined || channel.parent !== member.chan)) return false;
  if (channel.parent !== undefined && !isInChannel(state, state.channels.get(channel.parent)!, person)) return false;
  if (channel.members !== undefined) return channel.members.has(person);
  const { all, administrations, roles } = channel.rule!;
  return all || administrations.includes(member.administration) || roles.includes(member.role);
}

/** 7.6: vouched for, device by device of the same person, from one known at the admission or accepted (A52). */
export function isEligible(state: OperationState, view: DirectoryView, device: Device): boolean {
  const member = state.members.get(device.person);
  if (member === undefined) return false;
  let next: Device | undefined = device;
  while (next !== undefined && next.person === device.person) {
    if (next.added < member.admittedAt || state.accepted.has(next.id)) return true;
    next = next.voucher === undefined ? undefined : view.device(next.voucher);
  }
  return false;
}

export function isRecipient(
  state: OperationState,
  view: DirectoryView,
  channel: Roster,
  device: Device | undefined,
): device is Device {
  return (
    device !== undefined &&
    view.isActiveDevice(device) &&
    isInChannel(state, channel, device.person) &&
    isEligible(state, view, device)
  );
}

/** OPS-22, in order of device id. */
export function recipientsOf(state: OperationState, view: DirectoryView, channel: Roster): Recipient[] {
  const found: Recipient[] = [];
  for (const id of state.members.keys()) {
    if (!isInChannel(state, channel, id)) continue;
    for (const device of view.activeDevices(view.person(id)!)) {
      if (isEligible(state, view, device)) found.push({ device: device.id, boxPk: view.boxPk(device) });
    }
  }
  return found.sort(byDevice);
}

/** recips: H(device id || box_pk of each). */
export function recipientsHash(recipients: readonly Recipient[]): Uint8Array {
  return sha256(concat(...recipients.flatMap(({ device, boxPk }) => [fromHex(device), boxPk])));
}

/** OPS-22: the active devices of each auditor, in order of (x, device id). */
export function shareHoldersOf(state: OperationState, view: DirectoryView): ShareHolder[] {
  return auditSetOf(state).persons.flatMap((id, index) =>
    view
      .activeDevices(view.person(id)!)
      .map((device) => ({ x: index + 1, device: device.id, boxPk: view.boxPk(device) }))
      .sort(byDevice),
  );
}

function byDevice(one: Recipient, other: Recipient): number {
  return one.device < other.device ? -1 : one.device > other.device ? 1 : compare(one.boxPk, other.boxPk);
}

/** Whether the device is in the recips or grants of the epoch. */
export function hasReceived(epoch: Epoch, device: DeviceId): boolean {
  return epoch.grants.has(device) || epoch.recipients.includes(device);
}

/** OPS-14: the channel's current epoch takes no message or drop. Found once for each state of what it depends on. */
export function isStale(state: OperationState, view: DirectoryView, channel: Channel): boolean {
  const epoch = channel.epochs.get(currentEpoch(channel));
  if (epoch === undefined || channel.lost || epoch.auditVersion !== state.audits.length) return true;
  const of = `${view.size} ${state.control.decision} ${channel.ledger.decision}`;
  if (channel.staleness?.of !== of) {
    const gone = (id: DeviceId): boolean => !isRecipient(state, view, channel, view.device(id));
    const stale = epoch.recipients.some(gone) || [...epoch.grants.keys()].some(gone);
    channel.staleness = { of, stale };
  }
  return channel.staleness.stale;
}
