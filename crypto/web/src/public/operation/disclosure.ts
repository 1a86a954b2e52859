/** Releases and audits (PROTOCOL 7.11). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { channelOf, type DeviceAct, type Rule } from "./act.ts";
import type { AuditRequest, OperationState, Release } from "./state.ts";

function checkStillNcp({ view, author }: DeviceAct): void {
  if (!view.isNcp(author)) throw new RuleViolation("not_permitted", "the author is no NCP in the directory any more");
}

/** `unknown_reference`, then `not_permitted` for another administration's. */
function ownRelease({ state, author }: DeviceAct, name: Uint8Array): Release {
  const release = state.releases.get(hex(name));
  if (release === undefined) throw new RuleViolation("unknown_reference", `no accepted release ${hex(name)}`);
  if (release.administration !== author.administration) {
    throw new RuleViolation("not_permitted", "the release is of another administration");
  }
  return release;
}

/** `unknown_reference`, then `closed` once it has a report. */
function openRequest(state: OperationState, name: Uint8Array): AuditRequest {
  const request = state.requests.get(hex(name));
  if (request === undefined) throw new RuleViolation("unknown_reference", `no accepted audit.request ${hex(name)}`);
  if (request.report !== undefined) throw new RuleViolation("closed", "the request has its report");
  return request;
}

export const DISCLOSURE_RULES: { readonly [type: string]: Rule } = {
  release: (act, body: { entry: Uint8Array; replaces?: Uint8Array }) => {
    const { state, author, leaf } = act;
    checkStillNcp(act);
    const entry = hex(body.entry);
    const owner = state.owners.get(entry);
    if (owner !== undefined && owner !== author.administration) {
      throw new RuleViolation("not_permitted", "the entry is of another administration");
    }
    if (body.replaces !== undefined) ownRelease(act, body.replaces);
    return () => {
      const { id: person, administration } = author;
      state.releases.set(leaf, { person, administration, entry, receipt: undefined });
    };
  },

  "release.receipt": (act, body: { release: Uint8Array; receipt: string }) => {
    checkStillNcp(act);
    const release = ownRelease(act, body.release);
    if (release.receipt !== undefined) throw new RuleViolation("already_exists", "the release has its receipt");
    return () => {
      release.receipt = body.receipt;
    };
  },

  "audit.request": ({ state, author, leaf }, body: { chan: Uint8Array }) => {
    const chan = channelOf(state, body.chan).id;
    return () => {
      state.requests.set(leaf, { person: author.id, chan, grants: new Map(), report: undefined });
    };
  },

  "audit.grant": (
    { state, author },
    body: { request: Uint8Array; x: number; chan: Uint8Array; n: number | bigint; share: Uint8Array },
  ) => {
    const request = openRequest(state, body.request);
    const { n, x, share } = body;
    if (hex(body.chan) !== request.chan) throw new RuleViolation("bad_value", "the request is about another channel");
    if (!state.audits.some(({ persons }) => persons[x - 1] === author.id)) {
      throw new RuleViolation("not_permitted", `the author never had place ${x} in an audit set`);
    }
    return () => {
      request.grants.set(`${n} ${x}`, { n, x, share });
    };
  },

  "audit.report": ({ state, author }, body: { request: Uint8Array; hash: Uint8Array }) => {
    const request = openRequest(state, body.request);
    if (request.person !== author.id) throw new RuleViolation("not_permitted", "the report is the requester's");
    return () => {
      request.report = body.hash;
    };
  },
};
