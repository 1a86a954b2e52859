/** Ops of PROTOCOL 8 in a log: rotates, what links them, what is revealed. */
import { fromHex } from "../../src/public/bytes.ts";
import { recipientsOf, shareHoldersOf } from "../../src/public/operation/recipients.ts";
import { DirectoryLog, OperationLog, readLog } from "../../src/public/replay.ts";
import { decodeItem } from "../../src/public/wire.ts";
import type { Channel, OperationState } from "../../src/public/operation/state.ts";
import { reach, toReveal } from "../../src/member/closing.ts";
import { CloseKey, EpochSecret } from "../../src/member/epoch.ts";
import { claimOf, contextAt, earlierEpochs, nextEpoch } from "../../src/member/links.ts";
import { checkRotation, makeRotation, rootOverWraps, type Recipient } from "../../src/member/rotation.ts";
import { view, type Held } from "../../src/member/view.ts";
import { WRAP_SIZE } from "../../src/member/wrap.ts";
import { stagesOf } from "../public/log-ops.ts";
import { notation, type Book, type Inputs, type Op } from "../notation.ts";
import { readContext } from "./epochs.ts";

function channelOf(state: OperationState, inputs: Inputs): Channel {
  return state.channels.get(inputs["chan"])!;
}

function secretOf(state: OperationState, channel: Channel, n: number, secret: string): EpochSecret {
  return new EpochSecret(fromHex(secret), contextAt(state, channel, n));
}

function pieces(joined: string): Uint8Array[] {
  const data = fromHex(joined);
  return Array.from({ length: data.length / WRAP_SIZE }, (_, i) => data.subarray(i * WRAP_SIZE, (i + 1) * WRAP_SIZE));
}

function bytesOf(rows: { device: string; boxPk: Uint8Array }[]): Recipient[] {
  return rows.map(({ device, boxPk }) => ({ device: fromHex(device), boxPk }));
}

function heldOf(directory: string[], operation: string[], secrets: [string, number, string][]): Held {
  const [first, own] = [directory, operation].map((shown) => shown.map((item) => decodeItem(fromHex(item))));
  const log = readLog((losses) => new DirectoryLog(undefined, losses), first!).log;
  const { log: held, rejected } = readLog((losses) => new OperationLog(log, undefined, losses), own!);
  return {
    state: held.state,
    items: own!,
    rejected,
    directoryAt: (size) => log.viewAt(size),
    directoryTimes: first!.map(({ at }) => at),
    secretOf(channel, n) {
      const found = secrets.find(([chan, number]) => chan === channel && number === n);
      return found && secretOf(held.state, held.state.channels.get(channel)!, n, found[2]);
    },
  };
}

export function memberLogOps(scenes: Book["scenes"] = {}): { [op: string]: Op } {
  const { directoryAt, operationAt } = stagesOf(scenes);

  return {
    "make rotation": (inputs) => {
      const { state } = operationAt(inputs);
      const channel = channelOf(state, inputs);
      const directory = directoryAt(inputs);
      let previous: EpochSecret | undefined;
      if ("previous" in inputs) {
        const { secret, context } = inputs["previous"];
        previous = new EpochSecret(fromHex(secret), readContext(context));
      }
      const view = directory.viewAt(directory.size)!;
      const { secret, audience } = nextEpoch(state, channel, view, fromHex(inputs["secret"]), previous);
      const made = makeRotation(secret, previous, state.history === "all", audience);
      return { n: made.n, body: notation(made.body), wraps: made.wraps, shares: made.shares };
    },
    // As a server does it, which cannot open them.
    "wrap roots": (inputs) => {
      const { state } = operationAt(inputs);
      const directory = directoryAt(inputs);
      const view = directory.viewAt(directory.size)!;
      const recipients = bytesOf(recipientsOf(state, view, channelOf(state, inputs)));
      const holders = bytesOf(shareHoldersOf(state, view));
      return {
        wraps_root: rootOverWraps(recipients, pieces(inputs["wraps"])),
        shares_root: rootOverWraps(holders, pieces(inputs["shares"])),
        count: recipients.length,
        shares: holders.length,
      };
    },
    "check rotation": (inputs) => {
      const { state } = operationAt(inputs);
      const channel = channelOf(state, inputs);
      const { n, secret } = inputs;
      let previous: EpochSecret | undefined;
      if ("previous" in inputs) {
        previous = secretOf(state, channel, inputs["previous"], inputs["previous_secret"]);
      }
      const view = directoryAt(inputs).viewAt(channel.epochs.get(n)!.watermark)!;
      checkRotation(claimOf(state, channel, n, view), secretOf(state, channel, n, secret), previous);
      return {};
    },
    reach: (inputs) => {
      const { state } = operationAt(inputs);
      const channel = channelOf(state, inputs);
      const keys = inputs["keys"].map(
        ([n, kc]: [number, string]) => new CloseKey(fromHex(kc), contextAt(state, channel, n)),
      );
      const found = reach(state, channel, keys);
      const rows = [...found.keys].sort(([one], [other]) => one - other).map(([n, { key }]) => [n, key]);
      return { keys: rows, broken: found.broken, missing: found.missing };
    },
    "earlier epochs": (inputs) => {
      const { state } = operationAt(inputs);
      const channel = channelOf(state, inputs);
      const secret = secretOf(state, channel, inputs["n"], inputs["secret"]);
      return { secrets: [...earlierEpochs(state, channel, secret)].map((one) => [one.context.n, one.secret]) };
    },
    /** What a member with these secrets is shown, newest state and all. */
    view: (inputs) => {
      const { directory, operation } = scenes[inputs["scene"]]!;
      const held = heldOf(directory!, operation!, inputs["secrets"]);
      const rows = view(held, inputs["from"]).map((row) => [
        row.seq,
        row.type,
        row.rejection?.code ?? null,
        row.failure?.code ?? null,
        row.flags,
        row.forged,
        row.failure === undefined && row.payload !== undefined ? notation(row.payload) : null,
        row.profiles?.map(({ name }) => name) ?? null,
      ]);
      return { rows };
    },
    "to reveal": (inputs) => {
      const { state } = operationAt(inputs);
      const channel = channelOf(state, inputs);
      const secrets = inputs["secrets"].map(([n, secret]: [number, string]) => secretOf(state, channel, n, secret));
      return { due: toReveal(state, channel, secrets).map((one) => one.context.n) };
    },
  };
}
