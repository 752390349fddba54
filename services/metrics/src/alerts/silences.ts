/** Silences end by themselves, after at most 24 hours. They are rows, of which every instance keeps a copy. */
import type { Pool } from '@tidemark/db';
import { type Static, Type } from 'typebox';
import { errors } from '../errors.ts';
import type { Silenced } from './alert.ts';

const MAX_MINUTES = 24 * 60;
/** Further silences are kept in the table, but do not count until others end. */
const MAX_SILENCES = 1_000;
const HOLDER = { holder: { route: 'silences' }, timeoutMs: 5_000 };

export const SilenceRequest = Type.Object(
  {
    rule: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'such as replica.lag; * for all' })),
    key: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'the key of an alert; * for all' })),
    minutes: Type.Integer({ minimum: 1, maximum: MAX_MINUTES }),
    reason: Type.String({ minLength: 1, maxLength: 500 }),
  },
  { additionalProperties: false },
);
export type SilenceRequest = Static<typeof SilenceRequest>;

export interface Silence {
  id: string;
  rule: string | null;
  key: string | null;
  reason: string;
  createdBy: string | null;
  /** ms since 1970. */
  endsAt: number;
}

const COLUMNS = `id::text, rule, key, reason, created_by as "createdBy", (extract(epoch from ends_at) * 1000)::float8 as "endsAt"`;
const LIST = `select ${COLUMNS} from tidemark.alert_silences where ends_at > clock_timestamp() order by ends_at desc limit ${MAX_SILENCES}`;
const CREATE = `
insert into tidemark.alert_silences (rule, key, reason, created_by, created_at, ends_at)
values ($1, $2, $3, $4, now(), now() + make_interval(mins => $5::int)) returning ${COLUMNS}`;
const END = 'delete from tidemark.alert_silences where id = $1::uuid and ends_at > clock_timestamp()';
/** They stay a week, so that it can be seen who silenced what. */
const PURGE = "delete from tidemark.alert_silences where ends_at < now() - interval '7 days'";

export class Silences {
  #all: readonly Silence[] = [];

  /** Returns the silences that last at `now`. They end in time also while Postgres is down. */
  lasting(now: number): Silence[] {
    return this.#all.filter(({ endsAt }) => endsAt > now);
  }

  at(now: number): Silenced {
    const lasting = this.lasting(now);
    return (alert) => lasting.some(({ rule, key }) => matches(rule, alert.rule) && matches(key, alert.key));
  }

  async load(pool: Pool): Promise<void> {
    this.#all = await pool.query<Silence & Record<string, unknown>>(LIST, [], HOLDER);
  }

  async create(pool: Pool, { rule, key, minutes, reason }: SilenceRequest, by: string | null): Promise<Silence> {
    if (rule === undefined && key === undefined) throw errors.SILENCE_TOO_WIDE();
    const [created] = await pool.query(CREATE, [rule, key, reason, by, minutes], HOLDER);
    await this.load(pool);
    return created as unknown as Silence;
  }

  async end(pool: Pool, id: string): Promise<void> {
    const { count } = await pool.query(END, [id], HOLDER);
    if (count === 0) throw errors.SILENCE_UNKNOWN({ id });
    await this.load(pool);
  }

  async purge(pool: Pool): Promise<void> {
    await pool.query(PURGE, [], HOLDER);
  }
}

const matches = (pattern: string | null, value: string) => pattern === null || pattern === '*' || pattern === value;
