/** A service with a few tables, and what its relay publishes: changed definitions and envelopes, in their order. */

import { readFile } from 'node:fs/promises';
import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import type { Change, DefinitionsChanged, Envelope } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import type { Test } from 'tap';
import { startTestRealtime } from '../test-realtime.ts';

const SETUP = `
create type public.mood as enum ('calm', 'cross');
create type public.place as (x int, y int);
create table public.item (id int primary key, n int, mood public.mood, place public.place);
create table public.other (id int primary key, n int);
create table public.log (at date not null, n int) partition by range (at);
create table public.log_1 partition of public.log for values from ('2026-01-01') to ('2026-06-01');
create table public.log_2 partition of public.log for values from ('2026-06-01') to ('2027-01-01');
insert into public.log values ('2026-02-02', 1), ('2026-07-07', 2);
alter publication tidemark add table public.item, public.other, public.log;`;

/** The interval is longer than any test, so that no check by time comes. */
export const NEVER = { DEFINITIONS_CHECK_MS: '3600000' };
export const OFTEN = { DEFINITIONS_CHECK_MS: '100' };
/** Returns the script that an administrator runs. */
export const ddlScript = (): Promise<string> =>
  readFile(new URL('../../../../infra/postgres/ddl.sql', import.meta.url), 'utf8');

type Entry = DefinitionsChanged['tables'][number];
type Seen = { entry: Entry } | { envelope: Envelope };

/** `@table`, `@table gone`, or `table: insert update`. Roles belong to the whole server, where other tests change them. */
function linesOf(seen: readonly Seen[]): string[] {
  return seen.flatMap((one) => {
    if ('envelope' in one) return [`${one.envelope.table}: ${one.envelope.changes.map(({ type }) => type).join(' ')}`];
    const { schema, table, version } = one.entry;
    return schema === '' ? [] : [`@${table}${version === null ? ' gone' : ''}`];
  });
}

export async function startRelay(t: Test, env: NodeJS.ProcessEnv) {
  const service = await startTestRealtime(SETUP, env);
  t.teardown(() => service.stop());
  const stack = await useTestStack();
  const bus = await connectBus({ url: stack.natsUrl, name: 'definitions', prefix: service.prefix });
  t.teardown(() => bus.close());
  const seen: Seen[] = [];
  clientOf(bus).nc.subscribe(bus.subjects.allChanges, {
    callback: (_error, message) => {
      if (message.subject === bus.subjects.definitions) {
        seen.push(...message.json<DefinitionsChanged>().tables.map((entry) => ({ entry })));
      } else if (message.subject !== bus.subjects.heartbeat) seen.push({ envelope: message.json<Envelope>() });
    },
  });
  await bus.flush();
  const relay = {
    service,
    bus,
    lines: () => linesOf(seen),
    /** Returns the messages of these statements, once there are `count` of them. */
    async told(count: number, ...statements: string[]): Promise<string[]> {
      const from = seen.length;
      for (const statement of statements) await service.sql(statement);
      const lines = () => linesOf(seen.slice(from));
      await until(
        () => lines().length >= count,
        () => `${count} messages; there are ${JSON.stringify(lines())}`,
      );
      return lines();
    },
    /** The version of a table that was published last. */
    published: (table: string): Entry | undefined =>
      seen.flatMap((one) => ('entry' in one && one.entry.table === table ? [one.entry] : [])).at(-1),
    changes: (table: string): Change[] =>
      seen.flatMap((one) => ('envelope' in one && one.envelope.table === table ? one.envelope.changes : [])),
    /** Resolves once the version that was published last is in the table of versions, with its position. */
    async written(table: string): Promise<void> {
      const expected = relay.published(table);
      let found: unknown;
      await until(
        async () => {
          const [row] = await service.sql<{ version: string; since: string }>(
            `select version, lpad(upper(to_hex((since - '0/0')::bigint)), 16, '0') as since from tidemark.table_definitions
             where table_name = $1`,
            [table],
          );
          found = row;
          return row?.version === (expected?.version ?? undefined) && (!row || row.since === expected?.since);
        },
        () => `${JSON.stringify(expected)}; there is ${JSON.stringify(found)}`,
      );
    },
    async killWalsender(): Promise<void> {
      await until(async () => {
        const killed = await service.sql(
          `select pg_terminate_backend(active_pid) from pg_replication_slots
           where database = current_database() and active_pid is not null`,
        );
        return killed.length > 0;
      }, 'a walsender to kill');
    },
  };
  return relay;
}
