/** Epochs and content by their public rules (PROTOCOL 8.3 to 8.6). */
import { equal, hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import { type ChannelAct, checkChannelTime, checkInChannel, type Effect } from "./act.ts";
import { hasReceived, isRecipient, isStale, recipientsHash, recipientsOf, shareHoldersOf } from "./recipients.ts";
import { answerDrop } from "./results.ts";
import { auditSetOf, type Channel, currentEpoch, type Epoch } from "./state.ts";

export interface RotateBody {
  readonly p: number | bigint;
  readonly commit: Uint8Array;
  readonly close_commit: Uint8Array;
  readonly wraps_root: Uint8Array;
  readonly recips: Uint8Array;
  readonly count: number;
  readonly drop_pk: Uint8Array;
  readonly prev_close?: Uint8Array;
  readonly prev_link?: Uint8Array;
  readonly escrow?: Uint8Array;
  readonly shares_root?: Uint8Array;
  readonly shares?: number;
}

type ChannelRule = (act: ChannelAct, body: any) => Effect;

/** `wrong_epoch` unless the header names the current one. */
function checkCurrent({ entry, channel }: ChannelAct): void {
  const { epoch } = entry.header;
  if (epoch !== currentEpoch(channel)) {
    throw new RuleViolation("wrong_epoch", `epoch ${epoch} read, ${currentEpoch(channel)} is the channel's`);
  }
}

/** `wrong_epoch` unless the channel has it. */
export function epochOf(channel: Channel, n: number | bigint): Epoch {
  const epoch = typeof n === "number" ? channel.epochs.get(n) : undefined;
  if (epoch === undefined) throw new RuleViolation("wrong_epoch", `channel ${channel.name} has no epoch ${n}`);
  return epoch;
}

/** ROT-1 from the number on: what the epoch is linked to. */
function checkLinks({ state, channel, entry }: ChannelAct, body: RotateBody): void {
  const { p } = body;
  const next = currentEpoch(channel) + 1;
  if (entry.header.epoch !== next) {
    throw new RuleViolation("wrong_epoch", `epoch ${entry.header.epoch} read, ${next} expected`);
  }
  if (p !== 0 && !(typeof p === "number" && channel.epochs.has(p))) {
    throw new RuleViolation("bad_epoch_link", `p is ${p}: 0 or an earlier epoch expected`);
  }
  if ((body.prev_close !== undefined) !== (p !== 0)) {
    throw new RuleViolation("bad_epoch_link", `prev_close with p = ${p}`);
  }
  if ((body.prev_link !== undefined) !== (p !== 0 && state.history === "all")) {
    throw new RuleViolation("bad_epoch_link", `prev_link with p = ${p} and history ${state.history}`);
  }
}

/** ROT-2: who receives it, and which auditors hold shares. */
function checkReceivers({ state, view, channel, device }: ChannelAct, body: RotateBody): DeviceId[] {
  const recipients = recipientsOf(state, view, channel);
  if (!recipients.some((one) => one.device === device.id)) {
    throw new RuleViolation("bad_recipients", "the author's device is no recipient");
  }
  if (body.count !== recipients.length) {
    throw new RuleViolation("bad_count", `count ${body.count} read, ${recipients.length} recipients expected`);
  }
  if (!equal(body.recips, recipientsHash(recipients))) {
    throw new RuleViolation("bad_recipients", `recips is not the hash of the channel's at size ${view.size}`);
  }
  const audited = auditSetOf(state).persons.length > 0;
  for (const key of ["escrow", "shares_root", "shares"] as const) {
    if ((body[key] !== undefined) !== audited) {
      throw new RuleViolation("bad_audit_set", `${key} is ${audited ? "missing" : "present"}`);
    }
  }
  if (audited) {
    const holders = shareHoldersOf(state, view).length;
    if (body.shares !== holders) {
      throw new RuleViolation("bad_count", `shares ${body.shares} read, ${holders} share holders expected`);
    }
  }
  return recipients.map((one) => one.device);
}

/** What messages and drops have in common, once their author may write there. */
function checkContent(act: ChannelAct): Effect {
  const { state, view, channel, leaf, author } = act;
  checkChannelTime(act);
  if (currentEpoch(channel) > 0) checkCurrent(act);
  if (isStale(state, view, channel)) {
    throw new RuleViolation("stale_epoch", "no epoch, one from before a removal or restoration, or of another audit set");
  }
  return () => {
    state.owners.set(leaf, author.administration);
  };
}

export const EPOCH_RULES: { readonly [type: string]: ChannelRule } = {
  "channel.rotate": (act, body: RotateBody) => {
    const { state, seq, view, channel } = act;
    checkInChannel(act);
    checkChannelTime(act);
    checkLinks(act, body);
    const recipients = checkReceivers(act, body);
    return () => {
      const n = currentEpoch(channel) + 1;
      channel.epochs.set(n, {
        n,
        p: Number(body.p),
        seq,
        watermark: view.size,
        auditVersion: state.audits.length,
        commit: body.commit,
        closeCommit: body.close_commit,
        body,
        recipients,
        grants: new Map(),
      });
      channel.lost = false;
    };
  },

  "channel.grant": (
    act,
    body: { n: number | bigint; device: Uint8Array; box_pk: Uint8Array; wrap: Uint8Array },
  ) => {
    const { state, view, channel } = act;
    checkInChannel(act);
    checkChannelTime(act);
    checkCurrent(act);
    const epoch = epochOf(channel, body.n);
    if (!isRecipient(state, view, channel, act.device)) {
      throw new RuleViolation("not_permitted", "the author's device is no recipient");
    }
    const device = view.device(hex(body.device));
    if (!isRecipient(state, view, channel, device)) {
      throw new RuleViolation("not_permitted", `device ${hex(body.device)} is no recipient`);
    }
    if (!equal(body.box_pk, view.boxPk(device))) {
      throw new RuleViolation("not_permitted", "box_pk is not the device's present one");
    }
    if (state.history !== "all") {
      const had = view.person(device.person)!.devices.some((one) => hasReceived(epoch, one));
      if (!had) throw new RuleViolation("not_permitted", `no device of the person received epoch ${epoch.n}`);
    }
    return () => {
      epoch.grants.set(device.id, body.wrap);
    };
  },

  "channel.flag": (act, body: { n: number | bigint }) => {
    checkInChannel(act);
    checkChannelTime(act);
    checkCurrent(act);
    const { n } = epochOf(act.channel, body.n);
    return () => {
      act.channel.flagged.add(n);
    };
  },

  message: (act) => {
    checkInChannel(act);
    return checkContent(act);
  },

  drop: (act) => {
    const { state, channel, author } = act;
    if (state.members.get(author.id)?.chan !== channel.id) {
      throw new RuleViolation("not_member", `channel ${channel.name} is not the bot's`);
    }
    const keep = checkContent(act);
    return () => {
      keep();
      channel.drops.set(act.leaf, author.id);
    };
  },

  "drop.result": answerDrop,
};
