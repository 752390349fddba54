/** A connection for polls, opened on demand and discarded when an answer is late, so that polls never wait for a pool. */

import { errors } from '../errors.ts';
import { settleAll } from '../settle-all.ts';
import type { EncodedStatement } from '../sql/param.ts';
import type { Row } from '../types.ts';
import { PooledConnection } from './connection.ts';
import type { ConnectionTarget } from './url.ts';

export class Probe {
  readonly #name: string;
  #target: ConnectionTarget;
  readonly #settings: Readonly<Record<string, string>>;
  #connection: PooledConnection | undefined;
  #closed = false;
  /** Called when an open connection is lost: its server may be gone. */
  onLost: () => void = () => undefined;

  constructor(name: string, target: ConnectionTarget, settings: Readonly<Record<string, string>>) {
    this.#name = name;
    this.#target = target;
    this.#settings = settings;
  }

  async ask(statements: readonly EncodedStatement[], timeoutMs: number): Promise<Row[]> {
    const answers = await this.#within(timeoutMs, (connection) =>
      settleAll(statements.map((statement) => connection.send(statement, 0))),
    );
    return answers.map((rows) => rows[0] ?? {});
  }

  /** Runs several statements in one text, by the simple protocol. An error ends the connection, and with it an open transaction. */
  run(text: string, timeoutMs: number): Promise<void> {
    return this.#within(timeoutMs, async (connection) => {
      try {
        await connection.script(text);
      } catch (error) {
        connection.discard(error as Error);
        throw error;
      }
    });
  }

  moveTo(target: ConnectionTarget): void {
    this.#target = target;
    this.#connection?.discard(
      errors.CONNECTION_LOST({ pool: this.#name, reason: 'another server is asked now', sent: '' }),
    );
  }

  async #within<T>(timeoutMs: number, work: (connection: PooledConnection) => Promise<T>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    const connection = await this.#open(timeoutMs);
    const timer = setTimeout(
      () => connection.discard(errors.STATEMENT_OVERRUN({ pool: this.#name, ms: timeoutMs })),
      Math.max(1, deadline - performance.now()),
    );
    try {
      return await work(connection);
    } finally {
      clearTimeout(timer);
    }
  }

  get isBehindPooler(): boolean {
    return this.#connection?.isBehindPooler ?? false;
  }

  close(): void {
    this.#closed = true;
    this.#connection?.discard(errors.POOL_CLOSED({ pool: this.#name }));
  }

  async #open(timeoutMs: number): Promise<PooledConnection> {
    if (this.#closed) throw errors.POOL_CLOSED({ pool: this.#name });
    if (this.#connection?.state === 'idle') return this.#connection;
    const connection = new PooledConnection({
      pool: this.#name,
      target: this.#target,
      settings: this.#settings,
      rest: 'own',
      statementTimeoutMs: 0,
      connectTimeoutMs: timeoutMs,
      onGone: () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        if (!this.#closed) this.onLost();
      },
    });
    this.#connection = connection;
    await connection.open();
    return connection;
  }
}
