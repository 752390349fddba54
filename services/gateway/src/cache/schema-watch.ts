/**
 * After each heartbeat the fingerprint is read at that position. A changed one drops everything. A table may join the
 * publication while a transaction that wrote it is open, whose changes the stream may then lack: such facts are used
 * only once all transactions that were open then have ended.
 */
import { formatTidemark, type Lsn, parseTidemark } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import type { InvalidationClock } from './invalidation-clock.ts';
import { type FactsRow, type SchemaFacts, schemaFacts } from './schema-facts.ts';
import { FACTS, FINGERPRINT, POSITION } from './schema-statements.ts';

export interface SchemaWatchOptions {
  db: Database;
  clock: InvalidationClock;
  role: string;
  publication: string;
  onLost(reason: string): void;
  onError(error: Error): void;
}

export interface SchemaWatch {
  facts(): SchemaFacts | undefined;
  waitsFor(): string | undefined;
  /** Call it after each heartbeat. A call while a check runs makes it run once more. */
  check(): void;
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
      // Answers that sessions give with the former rights of a role must not count as those of the present schema.
      await db.rolesChanged();
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
      isBackground: true,
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
        // The positions of a stream of another epoch are not those of this database.
        if (!clock.isFollowing || clock.epoch !== db.epoch()) return;
        if (!clock.hasSchema) await load();
        // Without new WAL, the schema cannot have changed.
        if (clock.hasSchema && clock.validTo !== clock.published) await confirm(clock.published);
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
