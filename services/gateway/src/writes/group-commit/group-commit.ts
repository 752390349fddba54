/**
 * Which inserts fly together. Pure: no I/O, no clock.
 *
 *            add                        landed, none waiting
 *   (none) ───────► flying ─────────────────────────────────► (none)
 *                    │  ▲ landed: the waiting ones take off, up to the limits
 *            add     ▼  │
 *                  waiting          add over the limit or the owner's share ──► refused
 *
 * A lane is a table, an identity and a shape of request. One group of a lane flies at a time, and what arrives meanwhile
 * waits for it: no timer, and an insert that is alone takes off at once.
 */
import { type Refusal, SharedLimit } from '@tidemark/service';

export interface GroupLimits {
  /** Rows of one statement. */
  rows: number;
  /** Characters of JSON of one statement; a row that is larger flies alone. */
  bytes: number;
  /** Requests that wait, over all lanes. */
  waiting: number;
  /** Characters of JSON that wait, over all lanes. */
  waitingBytes: number;
  /** Percent of both that may be one owner's, once over half is taken. */
  identityPercent: number;
}

interface Waiting<M> {
  member: M;
  owner: string;
  bytes: number;
}

export class GroupCommit<M> {
  readonly #limits: GroupLimits;
  readonly #lanes = new Map<string, Waiting<M>[]>();
  /** The inserts that wait. */
  readonly rows: SharedLimit;
  readonly bytes: SharedLimit;

  constructor(limits: GroupLimits) {
    this.#limits = limits;
    this.rows = new SharedLimit(limits.waiting, limits.identityPercent);
    this.bytes = new SharedLimit(limits.waitingBytes, limits.identityPercent);
  }

  /** Lanes with a group in flight. */
  get flying(): number {
    return this.#lanes.size;
  }

  /**
   * `fly`: take off now, alone, and call `landed` afterwards. `instance`, `share`: it is not taken, as too many wait, or too many of the
   * owner, who is asked for where it must wait.
   */
  add(lane: string, member: M, bytes: number, ownerOf: () => string): 'fly' | 'wait' | Refusal['where'] {
    const queue = this.#lanes.get(lane);
    if (queue === undefined) {
      this.#lanes.set(lane, []);
      return 'fly';
    }
    const owner = ownerOf();
    const refusal = this.rows.refuses(owner, 1) ?? this.bytes.refuses(owner, bytes);
    if (refusal !== undefined) return refusal.where;
    queue.push({ member, owner, bytes });
    this.rows.add(owner, 1);
    this.bytes.add(owner, bytes);
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
      this.rows.give(next.owner, 1);
      this.bytes.give(next.owner, next.bytes);
    }
    return queue.splice(0, rows).map(({ member }) => member);
  }
}

/** A failed group in halves: after log2(rows) steps the row that fails is alone. */
export function halves<M>(group: readonly M[]): [M[], M[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(0, middle), group.slice(middle)];
}
