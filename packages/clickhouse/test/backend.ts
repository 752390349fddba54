/** Servers of one test: Postgres, NATS, the relay as a process, ClickHouse, and the sink as a process that can be killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { migrate } from '@tidemark/db';
import { type Stack, startTemporaryStack } from '@tidemark/local-stack';
import { METRICS_ENV, until } from '@tidemark/testing';
import { type TestClickHouse, useClickHouse } from '@tidemark/testing/clickhouse';
import postgres from 'postgres';
import type { Test } from 'tap';

export interface Backend {
  stack: Stack;
  clickhouse: TestClickHouse;
  sql: postgres.Sql;
  relay: RunningProcess;
  startSink(tables: string): Promise<RunningProcess>;
}

export interface RunningProcess {
  /** Lines of its output. */
  lines: string[];
  kill(signal?: 'SIGKILL' | 'SIGINT'): Promise<void>;
}

/** Returns a reason where ClickHouse cannot be had. */
export async function startBackend(t: Test, tables: string): Promise<Backend | string> {
  const clickhouse = await useClickHouse(t);
  if (typeof clickhouse === 'string') return clickhouse;
  const stack = await startTemporaryStack({ replica: false });
  t.teardown(() => stack.stop());
  await migrate(stack.primary.url);
  const sql = postgres(stack.primary.url, { max: 4, onnotice: () => {} });
  t.teardown(() => sql.end());
  await sql.unsafe(tables);
  const shared = { PATH: process.env.PATH ?? '', DATABASE_URL: stack.primary.url, NATS_URL: stack.nats.url };
  const relay = await start(t, fileURLToPath(import.meta.resolve('@tidemark/realtime/main')), {
    ...shared,
    ...METRICS_ENV,
    PORT: '0',
    LOG_LEVEL: process.env.TEST_LOG ?? 'error',
    JWT_SECRET: 'a secret of thirty-two characters',
  });
  const program = fileURLToPath(new URL('sink-process.mjs', import.meta.url));
  return {
    stack,
    clickhouse,
    sql,
    relay,
    startSink: (names) => start(t, program, { ...shared, CLICKHOUSE_URL: clickhouse.url, TABLES: names }),
  };
}

async function start(t: Test, path: string, env: Record<string, string>): Promise<RunningProcess> {
  const child: ChildProcess = fork(path, [], { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const lines: string[] = [];
  const hear = (chunk: Buffer) => lines.push(...chunk.toString().trim().split('\n'));
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const kill = async (signal: 'SIGKILL' | 'SIGINT' = 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  t.teardown(() => kill());
  const ready = once(child, 'message');
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`it ended:\n${lines.join('\n')}`)));
  await Promise.race([ready, ended]);
  ended.catch(() => undefined);
  return { lines, kill };
}

/** Waits until a query of ClickHouse gives what a query of Postgres gives. Both return rows with the column `row`. */
export async function untilEqual(
  backend: Backend,
  postgresQuery: string,
  clickhouseQuery: string,
  what: string,
): Promise<void> {
  let difference = '';
  await until(async () => {
    const wanted = (await backend.sql.unsafe(postgresQuery)).map(({ row }) => row as string).sort();
    let answer: { row: string }[];
    try {
      answer = await backend.clickhouse.query(`${clickhouseQuery} format JSONEachRow`);
    } catch (error) {
      // The view is not there yet, or the server has not restarted.
      difference = (error as Error).message;
      return false;
    }
    const found = answer.map(({ row }) => row).sort();
    const missing = wanted.filter((row) => !found.includes(row)).slice(0, 3);
    const extra = found.filter((row) => !wanted.includes(row)).slice(0, 3);
    difference = `${wanted.length} rows wanted, ${found.length} found; missing ${missing.join(' | ')}; too many ${extra.join(' | ')}`;
    return wanted.length === found.length && missing.length === 0;
  }, what).catch((error: Error) => {
    throw new Error(`${error.message}: ${difference}`);
  });
}
