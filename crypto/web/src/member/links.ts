/** From the verified log to what a member computes with, and from one epoch to those before it (PROTOCOL 8.1, 8.3). */
import { equal, fromHex } from "../public/bytes.ts";
import type { DirectoryView } from "../public/directory/state.ts";
import { ProtocolError } from "../public/errors.ts";
import { epochOf } from "../public/operation/epochs.ts";
import { recipientsOf, shareHoldersOf, type Recipient as Row } from "../public/operation/recipients.ts";
import {
  auditSetOf,
  currentEpoch,
  type AuditSet,
  type Channel,
  type Epoch,
  type OperationState,
} from "../public/operation/state.ts";
import { CloseKey, EpochContext, EpochSecret, NO_EPOCH } from "./epoch.ts";
import type { Audience, Claim, ShareHolder } from "./rotation.ts";

/** The context that the log gives epoch `n`; raises `wrong_epoch` if the channel has none of this number. */
export function contextAt(state: OperationState, channel: Channel, n: number): EpochContext {
  const { p } = epochOf(channel, n);
  return contextOf(state, channel, n, p === 0 ? NO_EPOCH : epochOf(channel, p).commit);
}

function contextOf(state: OperationState, channel: Channel, n: number, previous: Uint8Array): EpochContext {
  return new EpochContext(state.id.slice(0, 16), fromHex(channel.id), n, previous);
}

/**
 * The channel's next epoch of `secret`, 32 random bytes, linking `previous`, and who gets it now.
 *
 * Raises `bad_epoch_link` unless `previous` is an epoch of this channel whose commitments hold: nobody
 * could follow the link (ROT-5).
 */
export function nextEpoch(
  state: OperationState,
  channel: Channel,
  view: DirectoryView,
  secret: Uint8Array,
  previous: EpochSecret | undefined,
): { secret: EpochSecret; audience: Audience } {
  if (previous !== undefined) expectGood(state, channel, previous);
  const context = contextOf(state, channel, currentEpoch(channel) + 1, previous?.commit ?? NO_EPOCH);
  const recipients = recipientsOf(state, view, channel);
  return {
    secret: new EpochSecret(secret, context),
    audience: audienceOf(recipients, state, view, auditSetOf(state)),
  };
}

/** An accepted rotate, for who computes it again; `view` is the directory at its watermark. */
export function claimOf(state: OperationState, channel: Channel, n: number, view: DirectoryView): Claim {
  const epoch = epochOf(channel, n);
  const audit = state.audits[epoch.auditVersion - 1]!;
  const recipients = epoch.recipients.map((device) => ({ device, boxPk: view.boxPk(view.device(device)!) }));
  const claim = {
    body: epoch.body,
    context: contextAt(state, channel, n),
    audience: audienceOf(recipients, state, view, audit),
  };
  if (epoch.p === 0) return claim;
  const { commit, closeCommit } = epochOf(channel, epoch.p);
  return { ...claim, before: { context: contextAt(state, channel, epoch.p), commit, closeCommit } };
}

function audienceOf(
  recipients: readonly Row[],
  state: OperationState,
  view: DirectoryView,
  audit: AuditSet,
): Audience {
  const found = recipients.map(({ device, boxPk }) => ({ device: fromHex(device), boxPk }));
  if (audit.persons.length === 0) return { recipients: found };
  const holders = shareHoldersOf({ ...state, audits: [audit] }, view).map(
    ({ x, device, boxPk }): ShareHolder => ({ x, device: fromHex(device), boxPk }),
  );
  return { recipients: found, audit: { k: audit.k, n: audit.persons.length, holders } };
}

function expectGood(state: OperationState, channel: Channel, previous: EpochSecret): void {
  const { context } = previous;
  const epoch = channel.epochs.get(context.n);
  const good =
    epoch !== undefined &&
    equal(context.encoded, contextAt(state, channel, context.n).encoded) &&
    equal(previous.commit, epoch.commit) &&
    equal(previous.closeCommit, epoch.closeCommit);
  if (!good) {
    throw new ProtocolError("bad_epoch_link", "the previous epoch is not a good one of this channel");
  }
}

/**
 * E(p) from the prev_link of the secret's own rotate.
 *
 * Raises `no_epoch_key` where there is no link (A20), `cannot_open` or `bad_commit` where it does not
 * lead to E(p).
 */
export function openPreviousEpoch(state: OperationState, channel: Channel, secret: EpochSecret): EpochSecret {
  const { n, p, body } = epochOf(channel, secret.context.n);
  if (body.prev_link === undefined) {
    throw new ProtocolError("no_epoch_key", `epoch ${n} links no earlier one`);
  }
  return secret.openLink(body.prev_link, contextAt(state, channel, p), epochOf(channel, p).commit);
}

/** KC(p) from the prev_close of the key's own rotate, which every member can open; raises as `openPreviousEpoch`. */
export function openPreviousClose(state: OperationState, channel: Channel, key: CloseKey): CloseKey {
  const { n, p, body } = epochOf(channel, key.context.n);
  if (body.prev_close === undefined) {
    throw new ProtocolError("no_epoch_key", `epoch ${n} has no earlier one`);
  }
  return key.openPrevious(body.prev_close, contextAt(state, channel, p), epochOf(channel, p).closeCommit);
}

/** The epochs that `secret` gives by prev_link, newest first; ends where no link opens (A20). */
export function* earlierEpochs(
  state: OperationState,
  channel: Channel,
  secret: EpochSecret,
): Generator<EpochSecret, void> {
  for (let epoch: EpochSecret | undefined = secret; ; ) {
    epoch = orNothing(() => openPreviousEpoch(state, channel, epoch!));
    if (epoch === undefined) return;
    yield epoch;
  }
}

/** What `open` gives; undefined where the protocol refuses it. */
export function orNothing<Opened>(open: () => Opened): Opened | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The epochs of a channel, oldest first. */
export function epochsOf(channel: Channel): Epoch[] {
  return [...channel.epochs.values()].sort((one, other) => one.n - other.n);
}
