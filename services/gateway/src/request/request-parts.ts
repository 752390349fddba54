/**
 * The parts of the time of one request. Each part is the time between two moments, so that together they are the whole time:
 *
 *   head ──queue──► body ──body──► handler ──plan──► first statement ──pool, sql, between──► last answer ──encoding──► end
 */
import type { RequestRecord } from '@tidemark/contracts';
import type { QueryOptions } from '@tidemark/db';

export type Parts = RequestRecord['parts'];

export class RequestParts {
  readonly startedAt = performance.now();
  statements = 0;
  pool: string | null = null;
  waitMs = 0;
  /** When the last statement was asked for. */
  askedAt = 0;
  #bodyAt: number | undefined;
  #handlerAt: number | undefined;
  #firstAskedAt: number | undefined;
  #answeredAt = 0;
  #open = 0;
  #sqlMs = 0;

  /** Its body may be read now. */
  admitted(): void {
    this.#bodyAt = performance.now();
  }

  received(): void {
    this.#handlerAt = performance.now();
  }

  /** A statement is asked for; the returned function says how it ended. */
  statement(): NonNullable<QueryOptions['timing']> {
    this.askedAt = performance.now();
    this.#firstAskedAt ??= this.askedAt;
    this.#open += 1;
    return (pool, waitMs, ms) => {
      this.statements += 1;
      this.pool = pool;
      this.waitMs += waitMs;
      this.#sqlMs += ms;
      this.#open -= 1;
      this.#answeredAt = performance.now();
    };
  }

  at(end: number): Parts {
    const bodyAt = this.#bodyAt ?? end;
    const handlerAt = this.#handlerAt ?? end;
    const askedAt = this.#firstAskedAt ?? end;
    // A statement that was never answered took the rest of the time.
    const answeredAt = this.#open > 0 || this.#firstAskedAt === undefined ? end : this.#answeredAt;
    const inDatabase = answeredAt - askedAt;
    // Statements at the same time add up to more than the time they took.
    const scale = Math.min(1, inDatabase / (this.waitMs + this.#sqlMs || 1));
    const poolMs = this.waitMs * scale;
    const sqlMs = this.#sqlMs * scale;
    return {
      queueMs: bodyAt - this.startedAt,
      bodyMs: handlerAt - bodyAt,
      planMs: askedAt - handlerAt,
      poolMs,
      sqlMs,
      betweenMs: inDatabase - poolMs - sqlMs,
      encodingMs: end - answeredAt,
    };
  }
}
