/** Ops of PROTOCOL 10. */
import { fromHex } from "../../src/public/bytes.ts";
import { SigningKey } from "../../src/public/keys.ts";
import { sha256 } from "../../src/public/primitives.ts";
import { Invitation } from "../../src/member/invitation.ts";
import { challengeMessage, loginSalt, signChallenge, stretch } from "../../src/member/login.ts";
import type { Inputs, Op } from "../notation.ts";

function readInvitation(inputs: Inputs): Invitation {
  const { directory, person, secret } = inputs;
  return new Invitation({
    directory: fromHex(directory),
    person: fromHex(person),
    secret: fromHex(secret),
    account: inputs["account"] ?? "FR-014",
    kind: inputs["kind"] ?? "human",
    server: inputs["server"] ?? "https://cencomm.example",
  });
}

export const OPS: { [op: string]: Op } = {
  stretch: (inputs) => {
    const { password, account } = inputs;
    const directory = fromHex(inputs["directory"]);
    return { ...stretch(password, directory, account), salt: loginSalt(directory, account) };
  },
  challenge: (inputs) => {
    const { origin, expiry } = inputs;
    const tokenHash = sha256(fromHex(inputs["token"]));
    const [nonce, directory] = [fromHex(inputs["nonce"]), fromHex(inputs["directory"])];
    const challenge = { nonce, directory, origin, tokenHash, expiry };
    const signature = signChallenge(challenge, SigningKey.fromSeed(fromHex(inputs["seed"])));
    return { signature, token_hash: tokenHash, message: challengeMessage(challenge) };
  },
  invitation: (inputs) => {
    const made = readInvitation(inputs);
    return { text: made.word, url: made.url, lookup: made.lookup };
  },
  "read invitation": (inputs) => ({ ...Invitation.read(inputs["text"]).fields }),
  "invitation proof": (inputs) => {
    return { proof: readInvitation(inputs).proof(fromHex(inputs["sign_pk"]), fromHex(inputs["box_pk"])) };
  },
  "verify invitation": (inputs) => {
    const [signPk, boxPk, proof, possession] = ["sign_pk", "box_pk", "proof", "enrol_sig"].map((name) =>
      fromHex(inputs[name]),
    );
    readInvitation(inputs).verify(signPk!, boxPk!, proof!, possession!);
    return {};
  },
};
