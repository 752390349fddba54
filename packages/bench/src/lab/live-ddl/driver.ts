import postgres from 'postgres';
import { errors } from '../../errors.ts';
import { answered, pause } from '../../measuring/waiting.ts';
import type { Caller } from './client-specs.ts';
import type { Answer } from './visibility.ts';

/** A transaction may collide with the other writer's locks. */
const TRIES = 20;
const PREPARED = 'live-ddl';
const COLLISIONS = new Set(['40P01', '55P03', '40001']);

export class Driver {
  readonly #sql: postgres.Sql;

  constructor(url: string) {
    const connection = { lock_timeout: 2_000, deadlock_timeout: 50, TimeZone: 'UTC' };
    this.#sql = postgres(url, { max: 1, connection, onnotice: () => {} });
  }

  /** `preparedMs` is the time between the phases of a two-phase commit. */
  async transaction(text: string, preparedMs?: number): Promise<void> {
    const end = preparedMs === undefined ? 'commit' : `prepare transaction '${PREPARED}'`;
    for (let tries = 1; ; tries += 1) {
      try {
        await answered(this.#sql.unsafe(`begin; ${text}; ${end}`).simple());
        if (preparedMs === undefined) return;
        await pause(preparedMs);
        await answered(this.#sql.unsafe(`commit prepared '${PREPARED}'`).simple());
        return;
      } catch (error) {
        await answered(this.#sql.unsafe('rollback').simple());
        const { code, message } = error as { code?: string; message: string };
        if (tries === TRIES || !COLLISIONS.has(code ?? '')) {
          throw errors.STATEMENT_FAILED({ reason: `${code} ${message}`, text });
        }
        await pause(10 * tries);
      }
    }
  }

  /** Other writers change the schema meanwhile, so the statement may fail. */
  async attempt(text: string): Promise<void> {
    await answered(this.#sql.unsafe(text)).catch(() => undefined);
  }

  async ask(caller: Caller, queries: readonly { table: string; text: string }[]): Promise<Answer[]> {
    if (queries.length === 0) return [];
    const claims = caller.claims.sub === undefined ? '' : JSON.stringify(caller.claims);
    return this.#sql.begin('read only', async (sql) => {
      await sql`select set_config('role', ${caller.role}, true), set_config('request.jwt.claims', ${claims}, true)`;
      const texts = queries.map(({ text }) => text);
      const [row] = await sql`select probe.ask(${queries.map(({ table }) => table)}, ${texts}) as answers`;
      return row?.answers as Answer[];
    }) as Promise<Answer[]>;
  }

  async end(): Promise<void> {
    await this.#sql.end({ timeout: 2 });
  }
}
