import type { Tidemark } from '@tidemark/contracts';
import {
  type Client,
  type Database,
  errors as dbErrors,
  type Identity,
  type Row,
  type SessionReset,
  type Statement,
} from '@tidemark/db';
import type { GroupedRow, WriteRow } from '@tidemark/plan';
import type { Metrics } from '@tidemark/service';
import { errors } from '../../errors.ts';
import { PLAIN_ROW } from '../../plan/table-write.ts';
import { isRetyped } from '../../reply/postgres-errors.ts';
import { isLockTimeout, isRowError } from '../row-error.ts';
import { GroupClient } from './group-client.ts';
import { GroupCommit, type GroupLimits, halves } from './group-commit.ts';

export interface Insert {
  /** Equal for inserts that may be joined: table, shape and identity. */
  readonly queue: string;
  readonly table: number;
  /** JSON text of the one row, without an array around it. */
  readonly row: string;
  /** Alone, the insert is cancelled when its client goes. In a group it is not, since the other members wait for it. */
  readonly client: Client;
  /** A group runs with the identity and settings of its first member. */
  identity(): Identity;
  alone(): Statement;
  /** A default, a check or a policy may change the session. */
  readonly resetAfter: SessionReset;
  readonly grouped: { readonly text: string; readonly params: readonly (string | null)[] };
  /** Called when the row is durable. Exactly one of `done` and `failed` is called, once; neither may throw. */
  done(row: WriteRow, tidemark: Tidemark): void;
  failed(error: unknown): void;
}

const HOLDER = { route: 'POST /rest/v1/:table' };
/** A group that waits 100 ms for a lock is split, so that only the row that has to wait does. */
const LOCK_TIMEOUT: Statement = { text: "select set_config('lock_timeout', '100ms', true)" };
/** Failed groups that are split while their queue goes on; one more holds up its queue until it is done. */
const MAX_SPLITS = 4;
/** Postgres 17: MERGE … RETURNING may name the source's columns. Older servers get the rows as statements of one transaction. */
const MERGE_RETURNING_VERSION = 170_000;

export class InsertGroups {
  readonly #db: Database;
  readonly #groups: GroupCommit<Insert>;
  readonly #committed: (table: number, tidemark: Tidemark) => void;
  readonly #grouped: { inc(by?: number): void };
  readonly #rows: { inc(by?: number): void };
  readonly #failed: { inc(by?: number): void };
  #splits = 0;
  #serverVersion = 0;

  constructor(
    db: Database,
    metrics: Metrics,
    limits: GroupLimits,
    committed: (table: number, tidemark: Tidemark) => void,
  ) {
    this.#db = db;
    this.#groups = new GroupCommit(limits);
    this.#committed = committed;
    metrics.gauge('tidemark_insert_groups_waiting_rows', 'Inserts that wait for the group before them', [], (gauge) =>
      gauge.set(this.#groups.rows.used),
    );
    metrics.gauge('tidemark_insert_groups_waiting_bytes', 'Characters of JSON of waiting inserts', [], (gauge) =>
      gauge.set(this.#groups.bytes.used),
    );
    this.#grouped = metrics.counter('tidemark_insert_groups_total', 'Groups of inserts that were committed together');
    this.#rows = metrics.counter('tidemark_insert_groups_rows_total', 'Rows of committed groups');
    this.#failed = metrics.counter(
      'tidemark_insert_groups_failed_total',
      'Groups that were split because a row failed',
    );
  }

  async prepare(): Promise<void> {
    const [row] = await this.#db.pools.write.query("select current_setting('server_version_num')::int as version");
    this.#serverVersion = row?.version ?? 0;
  }

  /**
   * Replies by callback, because a promise for each request and each step costs more than the row. After
   * DB_CONNECTION_LOST the outcome is unknown.
   */
  submit(insert: Insert): void {
    const decision = this.#groups.add(insert.queue, insert, insert.row.length, () => ownerOf(insert));
    if (decision === 'run') void this.#run(insert.queue, insert);
    else if (decision === 'instance') insert.failed(errors.INSERTS_WAITING({ waiting: this.#groups.rows.used }));
    else if (decision === 'share') {
      insert.failed(errors.INSERTS_SHARE({ waiting: this.#groups.rows.usedBy(ownerOf(insert)) }));
    }
  }

  async #run(queue: string, first: Insert): Promise<void> {
    let group: Insert[] | undefined = [first];
    while (group !== undefined) {
      const present = group.filter(hasClient);
      const failed = await this.#commit(present, false);
      if (failed) {
        this.#failed.inc();
        const split = this.#split(present);
        if (this.#splits > MAX_SPLITS) await split;
      }
      group = this.#groups.finished(queue);
    }
  }

  /**
   * Returns true where nothing was written because of a row or a lock; then no member has its reply yet. `isLast`
   * allows waiting for a lock.
   */
  async #commit(group: readonly Insert[], isLast: boolean): Promise<boolean> {
    const [first, ...more] = group;
    if (!first) return false;
    try {
      if (more.length === 0) await this.#alone(first, isLast);
      else if (this.#serverVersion >= MERGE_RETURNING_VERSION) await this.#merged(group, first);
      else await this.#pipelined(group, first);
    } catch (error) {
      if (more.length > 0 ? isRowError(error) && !isRetyped(error) : !isLast && isLockTimeout(error)) return true;
      for (const insert of group) insert.failed(error);
    }
    return false;
  }

  async #alone(insert: Insert, mayWait: boolean): Promise<void> {
    const statements = mayWait ? [insert.alone()] : [LOCK_TIMEOUT, insert.alone()];
    const { results, tidemark } = await this.#db.write({
      identity: insert.identity(),
      statements,
      client: insert.client,
      resetAfter: insert.resetAfter,
      holder: HOLDER,
    });
    this.#committed(insert.table, tidemark);
    insert.done(results.at(-1)?.[0] as WriteRow, tidemark);
  }

  async #merged(group: readonly Insert[], first: Insert): Promise<void> {
    const { text, params } = first.grouped;
    let rows = '[';
    for (const { row } of group) rows += rows.length === 1 ? row : `,${row}`;
    rows += ']';
    const { results, tidemark } = await this.#db.write({
      identity: first.identity(),
      client: new GroupClient(group),
      statements: [LOCK_TIMEOUT, { text, params: [rows, ...params.slice(1)] }],
      resetAfter: first.resetAfter,
      holder: HOLDER,
    });
    this.#count(group, first, tidemark);
    const returned = results[1] as Row[];
    if (returned.length === 0) {
      for (const insert of group) insert.done(PLAIN_ROW, tidemark);
      return;
    }
    const own: (GroupedRow | undefined)[] = [];
    for (const row of returned as GroupedRow[]) own[Number(row.n) - 1] = row;
    group.forEach((insert, index) => {
      const row = own[index];
      insert.done(row === undefined ? PLAIN_ROW : { ...PLAIN_ROW, body: row.body, key: row.key }, tidemark);
    });
  }

  async #pipelined(group: readonly Insert[], first: Insert): Promise<void> {
    const { results, tidemark } = await this.#db.write({
      identity: first.identity(),
      statements: [LOCK_TIMEOUT, ...group.map((insert) => insert.alone())],
      resetAfter: first.resetAfter,
      holder: HOLDER,
    });
    this.#count(group, first, tidemark);
    group.forEach((insert, index) => {
      insert.done(results[index + 1]?.[0] as WriteRow, tidemark);
    });
  }

  #count(group: readonly Insert[], first: Insert, tidemark: Tidemark): void {
    this.#grouped.inc();
    this.#rows.inc(group.length);
    this.#committed(first.table, tidemark);
  }

  async #split(failed: Insert[]): Promise<void> {
    this.#splits += 1;
    try {
      const alone: Insert[] = [];
      const groups: Insert[][] = [failed];
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        for (const half of halves(group)) {
          if (half.length <= 1) alone.push(...half);
          else if (await this.#commit(half, false)) groups.push(half);
        }
      }
      // Two at a time: a row that waits for a lock does not hold up the rest, and the pool keeps connections for others.
      const next = async () => {
        for (let insert = alone.shift(); insert !== undefined; insert = alone.shift())
          await this.#commit([insert], true);
      };
      await Promise.all([next(), next()]);
    } finally {
      this.#splits -= 1;
    }
  }
}

const ownerOf = ({ client: { key = '' } }: Insert) => key;

function hasClient(insert: Insert): boolean {
  if (!insert.client.isGone) return true;
  insert.failed(dbErrors.CLIENT_GONE());
  return false;
}
