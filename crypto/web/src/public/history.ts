/** What a log was at an earlier size: the roots of its tree, and values that change with time. */

/** A log's own tree, as its rules ask for it. */
export interface Roots {
  /** Undefined beyond what was read. */
  root(size: number): Uint8Array | undefined;
  leaf(seq: number): Uint8Array | undefined;
}

/** A value with the seqs that changed it, ascending; the first is the one that brought it. */
export type Timeline<T> = [seq: number, value: T][];

/** The value after `size` entries; undefined before it came. */
export function valueAt<T>(timeline: Timeline<T>, size: number): T | undefined {
  for (let place = timeline.length - 1; place >= 0; place--) {
    const [seq, value] = timeline[place]!;
    if (seq < size) return value;
  }
  return undefined;
}

export function latest<T>(timeline: Timeline<T>): T {
  return timeline[timeline.length - 1]![1];
}
