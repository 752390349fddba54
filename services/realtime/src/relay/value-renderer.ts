/** A value that Postgres refuses is cut, so that other tables go on. While the database is away, the session ends. */
import { identifier, type Pool } from '@tidemark/db';
import type { RealtimeEvent } from '../events.ts';
import { isLocked, isRefusal } from '../is-refusal.ts';
import type { RowMessage } from './change-text.ts';
import type { FailingTables } from './failing-tables.ts';
import type { Relation, Tuple, TupleValue } from './pgoutput.ts';
import { planRelation, type RelationPlan, unknownPlan } from './type-catalog.ts';

/** Limit for a statement. A cast may be a slow function of the user, for which all tables wait. */
const TIMEOUT_MS = 1_000;
/** Attempts of a statement that fails while others succeed. */
const ATTEMPTS = 3;
const RETRY_MS = 50;
/** Duration of a failure after which the table's changes are published without its values for a while. */
const LONG_MS = 200;
/** That while as a multiple of the failure, so that a slow table takes a few percent of the relay's time. */
const REST = 30;

type Answer<T> = { value: T } | { error: Error };

export class ValueRenderer {
  #admin: Pool;
  #failing: FailingTables;
  #observe: (event: RealtimeEvent) => void;
  /** Time until which the values of a relation are not rendered. */
  #resting = new Map<number, number>();
  #distrusted = new Set<number>();

  constructor(admin: Pool, failing: FailingTables, observe: (event: RealtimeEvent) => void) {
    this.#admin = admin;
    this.#failing = failing;
    this.#observe = observe;
  }

  async plan(relation: Relation, definition: string | undefined): Promise<RelationPlan> {
    const answer = await this.#attempt(relation, () => planRelation(this.#admin, relation, definition));
    if ('value' in answer) return answer.value;
    this.#failing.failed(relation, answer.error);
    return unknownPlan(relation, definition);
  }

  /** Throws while the database is away; otherwise a value that Postgres refuses is left out. */
  async render(plan: RelationPlan, message: RowMessage): Promise<RowMessage> {
    const { relation } = plan;
    if (plan.isUnknown) return { ...message, unreadable: new Set(relation.columns.keys()) };
    if (!this.#isResting(relation.oid)) {
      const answer = await this.#attempt(relation, () => this.#rendered(plan, message));
      if ('value' in answer) {
        this.#failing.worked(relation.oid);
        return answer.value;
      }
      this.#failing.failed(relation, answer.error);
    } else this.#failing.rowsTotal += 1;
    return { ...message, unreadable: new Set(plan.asked.map(({ index }) => index)) };
  }

  distrust(plan: RelationPlan, error: Error): RelationPlan {
    const { oid } = plan.relation;
    if (!this.#distrusted.has(oid)) this.#observe({ type: 'relay.failed', error });
    this.#distrusted.add(oid);
    return plan.distrust();
  }

  #isResting(oid: number): boolean {
    const until = this.#resting.get(oid);
    if (until === undefined) return false;
    if (Date.now() < until) return true;
    this.#resting.delete(oid);
    return false;
  }

  async #attempt<T>({ oid }: Relation, statement: () => Promise<T>): Promise<Answer<T>> {
    let tookMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      const began = Date.now();
      try {
        return { value: await statement() };
      } catch (error) {
        tookMs += Date.now() - began;
        // A locked row type is not retried, since all tables would wait for it.
        if (!isRefusal(error) && !isLocked(error)) {
          // This throws while the database is away. Then the failure is not one of the table.
          await this.#admin.query('select 1');
          if (attempt < ATTEMPTS) {
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
            continue;
          }
        }
        if (tookMs > LONG_MS) this.#resting.set(oid, Date.now() + tookMs * REST);
        return { error: error as Error };
      }
    }
  }

  async #rendered(plan: RelationPlan, message: RowMessage): Promise<RowMessage> {
    const asked = { ...message };
    if ('row' in asked) asked.row = await this.#ask(plan, asked.row);
    if ('old' in asked && asked.old) asked.old = await this.#ask(plan, asked.old);
    if ('key' in asked && asked.key) asked.key = await this.#ask(plan, asked.key);
    return asked;
  }

  async #ask({ asked }: RelationPlan, tuple: Tuple): Promise<Tuple> {
    if (asked.every(({ index }) => typeof tuple[index] !== 'string')) return tuple;
    // format_type has quoted the name.
    const list = asked.map(({ type }, n) => `to_jsonb($${n + 1}::text::${type})::text as ${identifier(`c${n}`)}`);
    const params = asked.map(({ index }) => textOf(tuple[index]));
    const [row] = await this.#admin.query<Record<string, string | null>>(`select ${list.join(', ')}`, params, {
      timeoutMs: TIMEOUT_MS,
    });
    const values: TupleValue[] = [...tuple];
    asked.forEach(({ index }, n) => {
      const text = values[index];
      if (typeof text === 'string') values[index] = { text, json: row?.[`c${n}`] ?? 'null' };
    });
    return values;
  }
}

const textOf = (value: TupleValue): string | null => (typeof value === 'string' ? value : null);
