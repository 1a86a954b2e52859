/** What became of a bot's drop: the rule of drop.result (PROTOCOL 8.11, DRR-1). No epoch seals it. */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { type ChannelAct, checkChannelTime, checkInChannel, type Effect } from "./act.ts";
import { isEligible } from "./recipients.ts";

export interface ResultBody {
  readonly re: Uint8Array;
  readonly device: Uint8Array;
  readonly box: Uint8Array;
}

export function answerDrop(act: ChannelAct, body: ResultBody): Effect {
  const { state, view, channel } = act;
  checkInChannel(act);
  checkChannelTime(act);
  const [drop, id] = [hex(body.re), hex(body.device)];
  const bot = channel.drops.get(drop);
  if (bot === undefined) {
    throw new RuleViolation("unknown_reference", `no drop ${drop} in channel ${channel.name}`);
  }
  const device = view.device(id);
  if (device === undefined || device.person !== bot) {
    throw new RuleViolation("unknown_device", `${id} is no device of the bot that made the drop`);
  }
  if (!view.isActiveDevice(device)) {
    throw new RuleViolation("inactive", `the bot's device ${id} is revoked, or its bot suspended`);
  }
  if (!isEligible(state, view, device)) {
    throw new RuleViolation("not_permitted", "the bot is no member, or an NCP alone added its device"); // A52
  }
  const place = drop + id;
  if (channel.answered.has(place)) {
    throw new RuleViolation("already_exists", `device ${id} has the result of drop ${drop}`);
  }
  return () => {
    channel.answered.add(place);
  };
}
