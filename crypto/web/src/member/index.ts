/**
 * What only holders of an epoch secret compute: epochs, wraps, messages, drops, escrow, what is shown.
 *
 * Refuses to draw randomness or read a clock: both are arguments. Call `loadSodium` first. In a page
 * this belongs into the worker; import it where there is none.
 */
export * from "./attachment.ts";
export * from "./closing.ts";
export * from "./drop.ts";
export * from "./epoch.ts";
export * from "./escrow.ts";
export * from "./flag.ts";
export * from "./grant.ts";
export * from "./invitation.ts";
export * from "./links.ts";
export * from "./login.ts";
export * from "./message.ts";
export * from "./payload.ts";
export * from "./profile.ts";
export * from "./result.ts";
export * from "./rotation.ts";
export * from "./sealing.ts";
export * from "./shamir.ts";
export * from "./view.ts";
export * from "./wrap.ts";
