import { formatTidemark, type Lsn, laterTidemark, parseLsn, TidemarkError, tableKey } from '@tidemark/contracts';
import { type Database, type Identity, parseXidSnapshot } from '@tidemark/db';
import { Semaphore } from '@tidemark/service';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import type { LivePlan, WindowPlan } from '../query/live-plan.ts';
import { seenUpTo } from '../snapshots/snapshot-place.ts';
import type { ShownRow } from './window-diff.ts';
import { type WindowAnswer, windowSql } from './window-sql.ts';

export interface WindowRead {
  epoch: string;
  rows: ShownRow[];
  /** The rows reflect every known change up to here. */
  through: Lsn;
  /** The next read must not be older. */
  upper: Lsn;
}

export interface ReadFrom {
  lsn: Lsn;
  /** The previous rows reflect every change up to this sequence. */
  sequence: number;
}

export interface WindowReader {
  read(plan: LivePlan, identity: Identity, from: ReadFrom): Promise<WindowRead>;
  waiting(): number;
}

export interface WindowReaderOptions {
  database: Database;
  feed: Feed;
  /** A change that concerns every window must not fill the pool. */
  concurrency: number;
  maxBytes: number;
}

export function createWindowReader({ database, feed, concurrency, maxBytes }: WindowReaderOptions): WindowReader {
  // Each window waits for at most one read, and the number of windows is limited.
  const semaphore = new Semaphore(concurrency);

  async function read(plan: LivePlan, identity: Identity, from: ReadFrom): Promise<WindowRead> {
    const epoch = feed.epoch();
    if (epoch === undefined) throw errors.NOT_FOLLOWING({ reason: 'no change has arrived yet' });
    const { rows } = await database
      .read<WindowAnswer & Record<string, unknown>>({
        // Filters are compiled for UTC, and to_jsonb prints timestamptz in it.
        identity: { ...identity, settings: { ...identity.settings, TimeZone: 'UTC' } },
        statement: windowSql(plan, plan.window as WindowPlan, maxBytes),
        // A server behind the facts would show the rows under an earlier definition.
        tidemark: laterTidemark(plan.facts.tidemark, formatTidemark(epoch, from.lsn)),
      })
      .catch((cause: Error) => {
        // The client asked for no tidemark. The error says that this instance is behind for a moment.
        if (!(cause instanceof TidemarkError) || cause.code !== 'DB_EPOCH_CHANGED') throw cause;
        throw errors.NOT_FOLLOWING({ reason: 'the changes of the new epoch have not arrived yet' }, { cause });
      });
    const answer = rows[0] as WindowAnswer;
    if (answer.rows === null) throw errors.WINDOW_BYTES({ limit: maxBytes });
    const upper = parseLsn(answer.upper);
    const shown = (JSON.parse(answer.rows) as [string, string][]).map(([key, text]) => ({ key, text }));
    // A standby shows every replayed commit. On the primary, a commit is in the WAL before it is visible.
    const key = tableKey(plan.facts.schema, plan.facts.table);
    const visibility = {
      kind: 'primary',
      snapshot: parseXidSnapshot(answer.snapshot),
      after: 0n,
      until: upper,
    } as const;
    const through = answer.standby ? from.lsn : seenUpTo(feed, key, visibility, from);
    return { epoch, rows: shown, through, upper };
  }

  return {
    read: (plan, identity, from) => semaphore.run(() => read(plan, identity, from)),
    waiting: () => semaphore.waiting,
  };
}
