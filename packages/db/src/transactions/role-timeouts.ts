/** The lowest limit holds: pool, service, and the role's statement_timeout, which SET ROLE does not apply. */
import type { DbEvent } from '../events.ts';
import type { Pool } from '../types.ts';

/** A changed setting of a role applies after at most this time. */
const REFRESH_MS = 10_000;
/** A role's setting for this database comes before that for all databases. */
const SETTINGS = `select r.rolname as role, substr(setting, length('statement_timeout=') + 1) as timeout
  from pg_db_role_setting s join pg_roles r on r.oid = s.setrole cross join unnest(s.setconfig) setting
 where setting like 'statement_timeout=%' and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
 order by s.setdatabase`;
const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export class RoleTimeouts {
  readonly #configured: ReadonlyMap<string, number>;
  #own: ReadonlyMap<string, number> = new Map();
  #timer: NodeJS.Timeout | undefined;

  /** Limits in ms by role; `*` is any other role. A role without an entry has the pool's limit. */
  constructor(configured: ReadonlyMap<string, number>) {
    this.#configured = configured;
  }

  /** `limitMs` is the pool's limit; 0 is none. `asked` replaces the configured limit of the role. */
  least(role: string, limitMs: number, asked: number | undefined): number {
    const configured = asked ?? this.#configured.get(role) ?? this.#configured.get('*');
    return lower(lower(configured ?? limitMs, asked === undefined ? limitMs : 0), this.#own.get(role) ?? 0);
  }

  async start(pool: Pool, observe: (event: DbEvent) => void): Promise<void> {
    const refresh = () =>
      this.#refresh(pool).catch((error: Error) => observe({ type: 'db.role_settings_failed', error }));
    this.#timer = setInterval(refresh, REFRESH_MS);
    this.#timer.unref();
    await refresh();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #refresh(pool: Pool): Promise<void> {
    const options = { holder: { route: 'settings of roles' } };
    const rows = await pool.query<{ role: string; timeout: string }>(SETTINGS, [], options);
    const own = new Map<string, number>();
    for (const { role, timeout } of rows) {
      const ms = readTimeout(timeout);
      if (ms !== undefined) own.set(role, ms);
    }
    this.#own = own;
  }
}

function lower(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}

/** Reads the format of Postgres: a number with an optional unit, by default ms. */
export function readTimeout(text: string): number | undefined {
  const match = /^\s*'?\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*'?\s*$/.exec(text);
  if (match === null) return undefined;
  return Math.ceil(Number(match[1]) * (UNIT_MS[match[2] ?? 'ms'] as number));
}
