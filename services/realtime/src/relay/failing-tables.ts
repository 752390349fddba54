/** Reports tables with unrenderable values, whose subscribers resync with each such change, until one renders again. */
import type { Bus } from '@tidemark/bus';
import type { Alert } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import { every, type Repeating } from '@tidemark/service';
import type { RealtimeEvent } from '../events.ts';
import type { Relation } from './pgoutput.ts';

export interface FailingTablesOptions {
  admin: Pool;
  bus: Bus;
  instance: string;
  observe: (event: RealtimeEvent) => void;
}

interface Failing {
  /** `schema.table` */
  name: string;
  /** Postgres's code. The message may hold values, and is only in the log. */
  code: string;
}

/** Tables reported; further ones are logged, and reported once there is room. */
const MAX_NAMED = 100;
/** Interval at which an alert is repeated while it lasts, for later subscribers. */
const REPEAT_MS = 30_000;

export class FailingTables {
  rowsTotal = 0;
  #options: FailingTablesOptions;
  #failing = new Map<number, Failing>();
  #repeating: Repeating | undefined;

  constructor(options: FailingTablesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#repeating = every('alerts of failing tables', REPEAT_MS, () => this.#repeat(), this.#options.observe);
  }

  stop(): void {
    this.#repeating?.stop();
  }

  get names(): string[] {
    return [...this.#failing.values()].map(({ name }) => name);
  }

  failed({ oid, schema, table }: Relation, error: Error): void {
    this.rowsTotal += 1;
    if (this.#failing.has(oid) || this.#failing.size >= MAX_NAMED) return;
    const name = `${schema}.${table}`;
    const failing = { name, code: String((error as { code?: unknown }).code ?? error.name) };
    this.#failing.set(oid, failing);
    this.#options.observe({ type: 'relay.table_failed', table: name, error });
    this.#tell(failing, false);
  }

  worked(oid: number): void {
    const failing = this.#failing.get(oid);
    if (!failing) return;
    this.#failing.delete(oid);
    this.#options.observe({ type: 'relay.table_works', table: failing.name });
    this.#tell(failing, true);
  }

  /** Forgets everything, when another instance runs the relay. */
  clear(): void {
    for (const oid of [...this.#failing.keys()]) this.worked(oid);
  }

  warning(): string | undefined {
    if (this.#failing.size === 0) return undefined;
    return `${[...this.#failing.values()].map(sentence).join('; ')}. ${HINT}`;
  }

  /** Removes tables that were dropped. */
  async #repeat(): Promise<void> {
    if (this.#failing.size === 0) return;
    const rows = await this.#options.admin.query<{ oid: number }>(
      'select oid::int8 as oid from pg_class where oid = any ($1::oid[])',
      [`{${[...this.#failing.keys()].join(',')}}`],
    );
    const there = new Set(rows.map(({ oid }) => Number(oid)));
    for (const [oid, failing] of this.#failing) {
      if (there.has(oid)) this.#tell(failing, false);
      else this.worked(oid);
    }
  }

  #tell(failing: Failing, resolved: boolean): void {
    const { bus, instance } = this.#options;
    const alert: Alert = {
      // A table's name may be longer than the key of an alert.
      key: `relay table ${failing.name}`.slice(0, 200),
      message: resolved ? `the values of ${failing.name} can be rendered again` : sentence(failing),
      hint: HINT,
      resolved,
      service: 'realtime',
      instance,
      at: Date.now(),
    };
    bus.publish(bus.subjects.alerts('warning'), alert);
  }
}

const sentence = ({ name, code }: Failing) =>
  `values of ${name} cannot be rendered as JSON (${code}), and its subscribers resync with each such change`;

const HINT =
  'The log of the service has Postgres’s message: does a cast to json or an input function of the column’s type fail?';
