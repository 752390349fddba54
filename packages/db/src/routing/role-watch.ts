/**
 * Notices changed roles. Postgres keeps the row-level security of a role in every plan of a session, those of
 * functions as well, and drops none of them when BYPASSRLS, SUPERUSER or a membership of the role changes.
 */
import type { DbEvent } from '../events.ts';
import type { ConnectionPool } from '../pool/pool.ts';
import { ROLES_SQL } from '../sql/roles.ts';
import type { Activity } from './activity.ts';

const CHECK_MS = 1_000;
/** A changed role takes effect in plans after at most this time and one check. */
const MAX_CHECK_MS = 5_000;
/** The interval of the checks as a multiple of their duration: they take at most a twentieth of the time. */
const SHARE = 20;

const VERSION = `select ${ROLES_SQL} as version`;

export class RoleWatch {
  readonly #pool: ConnectionPool;
  readonly #activity: Activity;
  readonly #changed: () => Promise<void>;
  readonly #observe: (event: DbEvent) => void;
  #version: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    pool: ConnectionPool,
    activity: Activity,
    changed: () => Promise<void>,
    observe: (event: DbEvent) => void,
  ) {
    this.#pool = pool;
    this.#activity = activity;
    this.#changed = changed;
    this.#observe = observe;
  }

  /** Call it before the pools are used. */
  async start(): Promise<void> {
    await this.#run(async () => {
      this.#version = await this.#read();
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(check: () => Promise<void>): Promise<void> {
    const began = performance.now();
    try {
      await check();
    } catch (error) {
      if (!this.#isStopped) this.#observe({ type: 'db.roles_unchecked', error: error as Error });
    }
    if (this.#isStopped) return;
    const leastMs = this.#activity.look() ? MAX_CHECK_MS : CHECK_MS;
    const ms = Math.min(MAX_CHECK_MS, Math.max(leastMs, SHARE * (performance.now() - began)));
    this.#timer = setTimeout(() => void this.#run(() => this.#check()), ms);
    this.#timer.unref();
  }

  /** A failed check leaves the version as it was, so that the next one notices the change. */
  async #check(): Promise<void> {
    const version = await this.#read();
    if (version === this.#version) return;
    await this.#changed();
    this.#version = version;
  }

  async #read(): Promise<string> {
    // The pool's own limit: another one would have to be set before each statement, which is a transaction of its own.
    const options = { holder: { route: 'changes of roles' } };
    const [row] = await this.#pool.query<{ version: string }>(VERSION, [], options);
    return row!.version;
  }
}
