/**
 * Decides which inserts are committed together. Pure: no I/O, no clock.
 *
 *            add                       finished, none waits
 *   (none) ───────► running ─────────────────────────────────► (none)
 *                    │  ▲ finished: the waiting ones run, up to the limits
 *            add     ▼  │
 *                  waiting         add over the limit or the owner's share ──► refused
 *
 * A queue holds inserts of one table, identity and shape. One group of a queue runs at a time; inserts that arrive meanwhile
 * form the next group. There is no timer, so an insert that is alone runs at once.
 */
import { type Refusal, SharedLimit } from '@tidemark/service';

export interface GroupLimits {
  rows: number;
  /** Characters of JSON of one statement; a larger row forms a group of its own. */
  bytes: number;
  waiting: number;
  /** Characters of JSON that wait, over all queues. */
  waitingBytes: number;
  identityPercent: number;
}

interface Waiting<M> {
  member: M;
  owner: string;
  bytes: number;
}

export class GroupCommit<M> {
  readonly #limits: GroupLimits;
  readonly #queues = new Map<string, Waiting<M>[]>();
  readonly rows: SharedLimit;
  readonly bytes: SharedLimit;

  constructor(limits: GroupLimits) {
    this.#limits = limits;
    this.rows = new SharedLimit(limits.waiting, limits.identityPercent);
    this.bytes = new SharedLimit(limits.waitingBytes, limits.identityPercent);
  }

  get running(): number {
    return this.#queues.size;
  }

  /**
   * Returns `instance` or `share` where too many inserts wait, over all or of this owner. `ownerOf` is called only
   * for an insert that would wait.
   */
  add(key: string, member: M, bytes: number, ownerOf: () => string): 'run' | 'wait' | Refusal['where'] {
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, []);
      return 'run';
    }
    const owner = ownerOf();
    const refusal = this.rows.refuses(owner, 1) ?? this.bytes.refuses(owner, bytes);
    if (refusal !== undefined) return refusal.where;
    queue.push({ member, owner, bytes });
    this.rows.add(owner, 1);
    this.bytes.add(owner, bytes);
    return 'wait';
  }

  finished(key: string): M[] | undefined {
    const queue = this.#queues.get(key);
    if (queue === undefined) return undefined;
    if (queue.length === 0) {
      this.#queues.delete(key);
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

/** Splits a failed group: after log2(rows) steps the row that fails is alone. */
export function halves<M>(group: readonly M[]): [M[], M[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(0, middle), group.slice(middle)];
}
