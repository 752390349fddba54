/**
 * Carries out remedies of findings, where METRICS_ACTIONS is on: an operator confirms one by its token. It runs with the rights of the
 * role `ops` in the database, and each is a row of tidemark.actions before it begins.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Pool } from '@tidemark/db';
import { LRUCache } from 'lru-cache';
import { errors } from '../errors.ts';
import type { MetricsEvent } from '../events.ts';
import type { DatedFinding, Remedy } from '../health/finding.ts';
import type { Timeline } from '../timeline/timeline.ts';

/** An operator may act on an answer of some minutes ago: a remedy that is out of date does nothing. */
const TOKEN_MS = 120_000;
/** 50 findings with some remedies each, for two minutes. */
const MAX_TOKENS = 1_000;
const ACT = { holder: { route: 'action' }, timeoutMs: 30_000 };
const AUDIT = { holder: { route: 'actions' }, timeoutMs: 5_000 };

export interface Person {
  sub: string | null;
  role: string;
  address: string;
}

export interface ActionResult {
  id: string;
  sql: string;
  /** `nothing`: what it names has ended already. */
  outcome: 'done' | 'nothing';
}

export interface Action {
  id: string;
  rule: string;
  key: string;
  sql: string;
  askedBy: string | null;
  address: string;
  /** ms since 1970. */
  at: number;
  outcome: string | null;
  detail: string | null;
}

interface Confirmed {
  key: string;
  rule: string;
  sql: string;
}

export interface ActionsOptions {
  /** Stores what is done. */
  audit: () => Pool;
  /** Its sessions have the role ops. */
  pool: Pool;
  timeline: Pick<Timeline, 'add'>;
  observe: (event: MetricsEvent) => void;
}

const BEGIN = `
insert into tidemark.actions (rule, key, sql, asked_by, address) values ($1, $2, $3, $4, $5) returning id::text`;
const END = 'update tidemark.actions set outcome = $2, detail = $3, ended_at = clock_timestamp() where id = $1::uuid';
const SEES = "select pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees";
const LATEST = `
select id::text, rule, key, sql, asked_by as "askedBy", address, (extract(epoch from began_at) * 1000)::float8 as at, outcome, detail
from tidemark.actions order by began_at desc limit $1`;

export class Actions {
  readonly #options: ActionsOptions;
  readonly #secret = randomBytes(32);
  readonly #tokens = new LRUCache<string, Confirmed>({ max: MAX_TOKENS, ttl: TOKEN_MS });

  constructor(options: ActionsOptions) {
    this.#options = options;
  }

  /** Returns what confirms the remedy: the same while finding and remedy are the same. */
  token({ key, rule, since }: DatedFinding, { sql, elsewhere }: Remedy): string | null {
    if (elsewhere) return null;
    const token = createHmac('sha256', this.#secret)
      .update(JSON.stringify([key, since, sql]))
      .digest('base64url');
    this.#tokens.set(token, { key, rule, sql });
    return token;
  }

  /** @param isFound whether the finding of this key still lasts */
  async carryOut(token: string, person: Person, isFound: (key: string) => boolean): Promise<ActionResult> {
    const confirmed = this.#tokens.get(token);
    if (confirmed === undefined || !isFound(confirmed.key)) throw errors.ACTION_TOKEN();
    const { rule, key, sql } = confirmed;
    const { audit, observe, timeline } = this.#options;
    const id = await this.#begin(confirmed, person);
    const who = person.sub ?? person.address;
    let outcome: ActionResult['outcome'] | 'failed' = 'failed';
    let detail: string | null = null;
    try {
      await this.#checkSight(sql);
      const rows = await this.#options.pool.query(sql, [], ACT);
      outcome = hasDone(rows) ? 'done' : 'nothing';
      return { id, sql, outcome };
    } catch (cause) {
      const { code, message } = cause as Error & { code?: string };
      detail = `${message} (${code})`;
      throw errors.ACTION_FAILED({ state: code ?? 'no SQLSTATE', reason: message }, { cause });
    } finally {
      const event = { rule, key, sql, by: who, outcome, detail };
      observe({ type: 'metrics.action', ...event });
      timeline.add({ type: 'action.taken', subject: key, message: `${who}: ${sql} (${outcome})` }, Date.now());
      // The log has it as well, so that a database that fails meanwhile does not hide what was done.
      await audit()
        .query(END, [id, outcome, detail], AUDIT)
        .catch((error: Error) => observe({ type: 'metrics.action_not_stored', error }));
    }
  }

  async latest(limit: number): Promise<Action[]> {
    return [...(await this.#options.audit().query<Action & Record<string, unknown>>(LATEST, [limit], AUDIT))];
  }

  /** Without the right, the sessions of others have no start and no name: the remedy would find none, as if it had ended. */
  async #checkSight(sql: string): Promise<void> {
    if (!sql.includes('pg_stat_activity')) return;
    const [row] = await this.#options.pool.query<{ sees: boolean }>(SEES, [], ACT);
    if (row?.sees !== true) throw Object.assign(new Error('ops may not see the sessions of others'), { code: '42501' });
  }

  /** Nothing is done that is not recorded before. */
  async #begin({ rule, key, sql }: Confirmed, { sub, address }: Person): Promise<string> {
    try {
      const [row] = await this.#options.audit().query<{ id: string }>(BEGIN, [rule, key, sql, sub, address], AUDIT);
      return row?.id as string;
    } catch (cause) {
      throw errors.ACTION_NOT_STORED({ reason: (cause as Error).message }, { cause });
    }
  }
}

/** A statement that returns no rows has changed something; those with rows have a boolean for each process that they name. */
function hasDone(
  rows: { readonly length: number; columns?: readonly unknown[] } & Iterable<Record<string, unknown>>,
): boolean {
  if ((rows.columns?.length ?? 0) === 0) return true;
  return [...rows].some((row) => Object.values(row).some((value) => value !== false));
}
