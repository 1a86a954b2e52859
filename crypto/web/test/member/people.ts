/** Ops of PROTOCOL 10. */
import { fromHex } from "../../src/public/bytes.ts";
import { SigningKey } from "../../src/public/keys.ts";
import { sha256 } from "../../src/public/primitives.ts";
import { challengeMessage, loginSalt, signChallenge, stretch } from "../../src/member/login.ts";
import type { Op } from "../vectors.ts";

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
};
