/**
 * Which inserts fly together. Pure: no I/O, no clock.
 *
 *            add                        landed, none waiting
 *   (none) ───────► flying ─────────────────────────────────► (none)
 *                    │  ▲ landed: the waiting ones take off, up to the limits
 *            add     ▼  │
 *                  waiting          add over the limit of waiting ──► refused
 *
 * A lane is a table, an identity and a shape of request. One group of a lane flies at a time, and what arrives meanwhile
 * waits for it: no timer, and an insert that is alone takes off at once.
 */
export interface GroupLimits {
  /** Rows of one statement. */
  rows: number;
  /** Characters of JSON of one statement; a row that is larger flies alone. */
  bytes: number;
  /** Requests that wait, over all lanes. */
  waiting: number;
  /** Characters of JSON that wait, over all lanes. */
  waitingBytes: number;
}

interface Waiting<M> {
  member: M;
  bytes: number;
}

export class GroupCommit<M> {
  readonly #limits: GroupLimits;
  readonly #lanes = new Map<string, Waiting<M>[]>();
  #waiting = 0;
  #waitingBytes = 0;

  constructor(limits: GroupLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Lanes with a group in flight. */
  get flying(): number {
    return this.#lanes.size;
  }

  /** `fly`: take off now, alone, and call `landed` afterwards. */
  add(lane: string, member: M, bytes: number): 'fly' | 'wait' | 'refuse' {
    const queue = this.#lanes.get(lane);
    if (queue === undefined) {
      this.#lanes.set(lane, []);
      return 'fly';
    }
    if (this.#waiting >= this.#limits.waiting || this.#waitingBytes + bytes > this.#limits.waitingBytes)
      return 'refuse';
    queue.push({ member, bytes });
    this.#waiting += 1;
    this.#waitingBytes += bytes;
    return 'wait';
  }

  /** The next group of the lane, never empty; undefined: the lane is closed. */
  landed(lane: string): M[] | undefined {
    const queue = this.#lanes.get(lane);
    if (queue === undefined) return undefined;
    if (queue.length === 0) {
      this.#lanes.delete(lane);
      return undefined;
    }
    let bytes = 0;
    let rows = 0;
    for (const next of queue) {
      if (rows > 0 && (rows >= this.#limits.rows || bytes + next.bytes > this.#limits.bytes)) break;
      bytes += next.bytes;
      rows += 1;
    }
    this.#waiting -= rows;
    this.#waitingBytes -= bytes;
    return queue.splice(0, rows).map(({ member }) => member);
  }
}

/** A failed group in halves: after log2(rows) steps the row that fails is alone. */
export function halves<M>(group: readonly M[]): [M[], M[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(0, middle), group.slice(middle)];
}
