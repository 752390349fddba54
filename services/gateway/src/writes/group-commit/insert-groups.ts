/** Flies the groups of group-commit.ts: one transaction a group, one answer a member. */

import type { Tidemark } from '@tidemark/contracts';
import { type Client, type Database, errors as dbErrors, type Identity, type Row, type Statement } from '@tidemark/db';
import type { GroupedRow, WriteRow } from '@tidemark/plan';
import type { Metrics } from '@tidemark/service';
import { errors } from '../../errors.ts';
import { PLAIN_ROW } from '../../plan/table-write.ts';
import { isLockTimeout, isRowError } from '../row-error.ts';
import { GroupCommit, type GroupLimits, halves } from './group-commit.ts';

export interface Insert {
  /** Equal for inserts that may be joined: table, shape and identity. */
  readonly queue: string;
  /** JSON text of the one row, without an array around it. */
  readonly row: string;
  /** Whose share of the waiting it counts for. */
  owner(): string;
  /** Alone, the insert is cancelled when it goes; in a group it is not, as the others are there. */
  readonly client: Client;
  /** Of the request. Asked of the first of a group, whose settings are those of the group. */
  identity(): Identity;
  /** The insert as a statement of its own. */
  alone(): Statement;
  /** The statement of the whole group; `$1` is for the rows. */
  readonly grouped: { readonly text: string; readonly params: readonly (string | null)[] };
  /** Called once, when the row is durable. Must not throw. */
  done(row: WriteRow, tidemark: Tidemark): void;
  /** Called once, otherwise. Must not throw. */
  failed(error: unknown): void;
}

/** False when its client went while it waited for the group before it: nothing is written then. */
function isAwaited(insert: Insert): boolean {
  if (!insert.client.isGone) return true;
  insert.failed(dbErrors.CLIENT_GONE());
  return false;
}

/** A group has the share of its first member, each member the part of the cost that its row is of the bytes; that one of them goes ends nothing. */
function clientOfAll(group: readonly Insert[], first: Insert): Client {
  return {
    key: first.client.key,
    isGone: false,
    onGone: () => () => undefined,
    spent(ms, isFruitless) {
      const bytes = group.reduce((sum, { row }) => sum + row.length, 0);
      for (const { client, row } of group) client.spent?.((ms * row.length) / bytes, isFruitless);
    },
  };
}

const HOLDER = { route: 'POST /rest/v1/:table' };
/** Ms that a group waits for a lock: then it is taken apart, so that only the row that has to wait does. */
const LOCK_TIMEOUT: Statement = { text: "select set_config('lock_timeout', '100ms', true)" };
/** Failed groups that are taken apart while their queue goes on; one more holds its queue up until it is done. */
const ATTRIBUTIONS = 4;
/** MERGE … RETURNING names the source's columns from here on. Older servers get the rows as statements of one transaction. */
const MERGE_RETURNING_VERSION = 170_000;

export class InsertGroups {
  readonly #db: Database;
  readonly #groups: GroupCommit<Insert>;
  readonly #grouped: { inc(by?: number): void };
  readonly #rows: { inc(by?: number): void };
  readonly #failed: { inc(by?: number): void };
  #attributions = 0;
  #serverVersion = 0;

  constructor(db: Database, metrics: Metrics, limits: GroupLimits) {
    this.#db = db;
    this.#groups = new GroupCommit(limits);
    metrics.gauge('tidemark_insert_groups_waiting_rows', 'inserts that wait for the group before them', [], (gauge) =>
      gauge.set(this.#groups.rows.used),
    );
    metrics.gauge('tidemark_insert_groups_waiting_bytes', 'characters of JSON of these', [], (gauge) =>
      gauge.set(this.#groups.bytes.used),
    );
    this.#grouped = metrics.counter('tidemark_insert_groups_total', 'groups of inserts that were committed together');
    this.#rows = metrics.counter('tidemark_insert_groups_rows_total', 'rows of these groups');
    this.#failed = metrics.counter('tidemark_insert_groups_failed_total', 'groups that were taken apart for a row');
  }

  async prepare(): Promise<void> {
    const [row] = await this.#db.pools.write.query("select current_setting('server_version_num')::int as version");
    this.#serverVersion = row?.version ?? 0;
  }

  /**
   * Fails with GATEWAY_INSERTS_WAITING when too many wait, GATEWAY_INSERTS_SHARE when too many of its owner do; what Postgres says of this row; DB_CONNECTION_LOST: outcome unknown.
   * By callback: a promise for each request and each step of it costs more than the row.
   */
  submit(insert: Insert): void {
    const decision = this.#groups.add(insert.queue, insert, insert.row.length, () => insert.owner());
    if (decision === 'run') void this.#run(insert.queue, insert);
    else if (decision === 'instance') insert.failed(errors.INSERTS_WAITING({ waiting: this.#groups.rows.used }));
    else if (decision === 'share') {
      insert.failed(errors.INSERTS_SHARE({ waiting: this.#groups.rows.usedBy(insert.owner()) }));
    }
  }

  /** Flies groups of the queue until none waits. Never rejects: what fails goes to the members. */
  async #run(queue: string, first: Insert): Promise<void> {
    let group: Insert[] | undefined = [first];
    while (group !== undefined) {
      const awaited = group.filter(isAwaited);
      const failed = await this.#commit(awaited, false);
      if (failed) {
        this.#failed.inc();
        const attribution = this.#attribute(awaited);
        if (this.#attributions > ATTRIBUTIONS) await attribution;
      }
      group = this.#groups.finished(queue);
    }
  }

  /**
   * True when nothing was written and a row is at fault, or has to wait for a lock: then no member has its answer yet.
   * `mayWait`: this is the last try of a row that is alone.
   */
  async #commit(group: readonly Insert[], mayWait: boolean): Promise<boolean> {
    const [first, ...more] = group;
    if (!first) return false;
    try {
      if (more.length === 0) await this.#alone(first, mayWait);
      else if (this.#serverVersion >= MERGE_RETURNING_VERSION) await this.#merged(group, first);
      else await this.#pipelined(group, first);
    } catch (error) {
      if (more.length > 0 ? isRowError(error) : !mayWait && isLockTimeout(error)) return true;
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
      holder: HOLDER,
    });
    insert.done(results.at(-1)?.[0] as WriteRow, tidemark);
  }

  async #merged(group: readonly Insert[], first: Insert): Promise<void> {
    const { text, params } = first.grouped;
    let rows = '[';
    for (const { row } of group) rows += rows.length === 1 ? row : `,${row}`;
    rows += ']';
    const { results, tidemark } = await this.#db.write({
      identity: first.identity(),
      client: clientOfAll(group, first),
      statements: [LOCK_TIMEOUT, { text, params: [rows, ...params.slice(1)] }],
      holder: HOLDER,
    });
    this.#grouped.inc();
    this.#rows.inc(group.length);
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
      holder: HOLDER,
    });
    this.#grouped.inc();
    this.#rows.inc(group.length);
    group.forEach((insert, index) => {
      insert.done(results[index + 1]?.[0] as WriteRow, tidemark);
    });
  }

  /** Nothing of the failed group was written. Halves of it are tried; a row that is left alone gets its own answer. */
  async #attribute(failed: Insert[]): Promise<void> {
    this.#attributions += 1;
    try {
      const alone: Insert[] = [];
      const groups: Insert[][] = [failed];
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        for (const half of halves(group)) {
          if (half.length <= 1) alone.push(...half);
          else if (await this.#commit(half, false)) groups.push(half);
        }
      }
      // Two at a time: one that waits for a lock does not hold up the rest, and the pool keeps its slots for others.
      const next = async () => {
        for (let insert = alone.shift(); insert !== undefined; insert = alone.shift())
          await this.#commit([insert], true);
      };
      await Promise.all([next(), next()]);
    } finally {
      this.#attributions -= 1;
    }
  }
}
