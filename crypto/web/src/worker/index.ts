/** For pages: everything takes place in a Web Worker, whose script is built from `main.ts`. */
export type {
  Args,
  CallName,
  ChannelName,
  EpochName,
  Followed,
  KeptEpoch,
  LearntEpoch,
  MadeRotation,
  Opened,
  PackedAudience,
  Progress,
  Result,
} from "./calls.ts";
export { CryptoWorker, type CallOptions, type WorkerLike } from "./client.ts";
