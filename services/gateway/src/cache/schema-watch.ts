/**
 * Keeps the facts of the schema, and knows up to which position they held: after each heartbeat the fingerprint is read at
 * that position. A changed one drops everything, and the facts are read anew, on the primary.
 *
 * A table that joins the publication while a transaction that wrote it is open may miss that transaction's changes in the
 * stream. So facts with another publication than before count only once whatever was open then has ended.
 */
import { formatTidemark, type Lsn, parseTidemark } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import type { InvalidationClock } from './invalidation-clock.ts';
import { type FactsRow, type SchemaFacts, schemaFacts } from './schema-facts.ts';
import { FACTS, FINGERPRINT, POSITION } from './schema-statements.ts';

export interface SchemaWatchOptions {
  db: Database;
  clock: InvalidationClock;
  /** Whom the fingerprint is read as. */
  role: string;
  publication: string;
  /** Everything that is kept rests on facts that may not hold any more. */
  onLost(reason: string): void;
  onError(error: Error): void;
}

export interface SchemaWatch {
  facts(): SchemaFacts | undefined;
  /** What it waits for; undefined where it does not. */
  waitsFor(): string | undefined;
  /** After a heartbeat. One at a time: a call while one runs makes it run once more. */
  check(): void;
  /** Own reads by where they were answered, which are in the database's statistics. */
  counts(): { replica: number; primary: number };
  stop(): Promise<void>;
}

interface PositionRow {
  lsn: string;
  xmin: string;
  xmax: string;
}

export function watchSchema(options: SchemaWatchOptions): SchemaWatch {
  const { db, clock } = options;
  const identity: Identity = { role: options.role, claims: '{}' };
  const counts = { replica: 0, primary: 0 };
  let facts: SchemaFacts | undefined;
  let loading: { facts: SchemaFacts; until: bigint } | undefined;
  let settledPublication: string | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  async function load(): Promise<void> {
    if (!loading) {
      const [row] = await db.pools.admin.query<FactsRow>(FACTS, [options.publication]);
      const [position] = await db.pools.admin.query<PositionRow>(POSITION);
      const read = schemaFacts(row as FactsRow);
      const until = read.published === settledPublication ? 0n : BigInt((position as PositionRow).xmax);
      loading = { facts: read, until };
    }
    const { generation } = clock;
    const [position] = await db.pools.admin.query<PositionRow>(POSITION);
    const { lsn, xmin } = position as PositionRow;
    if (generation !== clock.generation) loading = undefined;
    if (!loading || BigInt(xmin) < loading.until) return;
    facts = loading.facts;
    settledPublication = facts.published;
    loading = undefined;
    clock.loadSchema(BigInt(lsn));
  }

  async function confirm(at: Lsn): Promise<void> {
    const { generation } = clock;
    const { rows, proven, source } = await db.read<{ schema: string; published: string }>({
      identity,
      statement: { text: FINGERPRINT, params: [options.publication] },
      tidemark: formatTidemark(db.epoch(), at),
      holder: { route: 'cache' },
    });
    counts[source] += 1;
    if (generation !== clock.generation) {
      again = true;
      return;
    }
    const [row] = rows;
    if (row && row.schema + row.published === facts?.fingerprint) clock.confirmSchema(parseTidemark(proven).lsn);
    else lose('the schema has changed');
  }

  function lose(reason: string): void {
    loading = undefined;
    clock.loseSchema();
    options.onLost(reason);
    again = true;
  }

  async function run(): Promise<void> {
    do {
      again = false;
      try {
        // A stream of another epoch than the database's is not about this database's positions.
        if (!clock.isFollowing || clock.epoch !== db.epoch()) return;
        if (!clock.hasSchema) await load();
        if (clock.hasSchema) await confirm(clock.published);
      } catch (error) {
        if (!stopped) options.onError(error as Error);
        return;
      }
    } while (again && !stopped);
  }

  return {
    facts: () => (clock.hasSchema ? facts : undefined),
    waitsFor: () => (loading ? 'transactions that were open when the publication was looked at' : undefined),
    check() {
      if (stopped) return;
      if (running) {
        again = true;
        return;
      }
      running = run().finally(() => {
        running = undefined;
      });
    },
    counts: () => ({ ...counts }),
    async stop() {
      stopped = true;
      await running;
    },
  };
}
