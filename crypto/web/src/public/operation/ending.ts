/** channel.close and channel.reveal: who received an epoch opens it to all (PROTOCOL 8.8). */
import { concat, equal, fromHex, u16, u64 } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { keyed, ZERO_32 } from "../primitives.ts";
import { type ChannelAct, checkChannelTime, checkRight, type Effect } from "./act.ts";
import { epochOf } from "./epochs.ts";
import { hasReceived } from "./recipients.ts";
import { type Channel, currentEpoch, type Epoch, isChannelOver, type OperationState } from "./state.ts";

const SUITE = 1;

interface Reveal {
  readonly n: number | bigint;
  readonly kc: Uint8Array;
}

/** c of an epoch (8.1): u16 suite || log[16] || chan[16] || u64 n || commit of p. */
export function contextOf(state: OperationState, channel: Channel, epoch: Epoch): Uint8Array {
  const previous = epoch.p === 0 ? ZERO_32 : channel.epochs.get(epoch.p)!.commit;
  return concat(u16(SUITE), state.id.subarray(0, 16), fromHex(channel.id), u64(epoch.n), previous);
}

/** What both ask for in the end (CLO-2), and what both do. */
function revealed({ state, channel, device }: ChannelAct, { n, kc }: Reveal): Effect {
  const epoch = epochOf(channel, n);
  if (!hasReceived(epoch, device.id)) {
    throw new RuleViolation("not_permitted", `device ${device.id} did not receive epoch ${n}`);
  }
  if (channel.reveals.has(epoch.n)) throw new RuleViolation("already_exists", `epoch ${n} is revealed`);
  if (!equal(keyed(kc, "close", contextOf(state, channel, epoch)), epoch.closeCommit)) {
    throw new RuleViolation("bad_commit", `kc does not give the close_commit of epoch ${n}`);
  }
  return () => {
    channel.reveals.set(epoch.n, kc);
  };
}

export const ENDING_RULES: { readonly [type: string]: (act: ChannelAct, body: any) => Effect } = {
  "channel.close": (act, body: Reveal) => {
    const { state, channel, at } = act;
    if (!isChannelOver(state, channel, at)) {
      checkRight(act);
      checkChannelTime(act);
    } else if (channel.closedAt !== undefined) {
      throw new RuleViolation("already_exists", `channel ${channel.name} is closed`);
    }
    if (body.n !== currentEpoch(channel)) {
      throw new RuleViolation("wrong_epoch", `epoch ${body.n} read, ${currentEpoch(channel)} is the channel's`);
    }
    const effect = revealed(act, body);
    return () => {
      effect();
      channel.closedAt = at;
    };
  },

  "channel.reveal": (act, body: Reveal) => {
    if (!isChannelOver(act.state, act.channel, act.at)) {
      throw new RuleViolation("not_closed", `channel ${act.channel.name} is not over`);
    }
    return revealed(act, body);
  },
};
