import type { AnswerBudget } from '../connection/answer-budget.ts';
import type { ConnectionOptions, Rest } from '../connection/connection.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import type { DbEvent } from '../events.ts';
import type { StatementLog } from '../statements/log.ts';
import type { RoleTimeouts } from '../transactions/role-timeouts.ts';
import type { PoolOptions } from './options.ts';

export interface PoolInit {
  name: string;
  target: ConnectionTarget;
  options: PoolOptions;
  settings: Readonly<Record<string, string>>;
  rest: Rest;
  /** The target is a pooler in transaction mode. */
  isPooled?: boolean;
  timeouts?: RoleTimeouts;
  observe: (event: DbEvent) => void;
  log?: StatementLog;
  answers?: AnswerBudget;
}

export function connectionOptions({
  name: pool,
  target,
  settings,
  rest,
  options,
  isPooled = false,
}: PoolInit): Omit<ConnectionOptions, 'onGone'> {
  const { statementTimeoutMs, connectTimeoutMs, preparedBytes } = options;
  return { pool, target, settings, rest, statementTimeoutMs, connectTimeoutMs, preparedBytes, isPooled };
}
