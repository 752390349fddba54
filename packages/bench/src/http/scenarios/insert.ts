/**
 * One row a request from many clients at once. Every acknowledged row must be there in the end. The question is asked of a
 * durable database, where each commit has to reach the disk; the same without fsync is shown beside it, and nothing is asked of it.
 */
import postgres from 'postgres';
import type { LoadRequest } from '../load/messages.ts';
import type { Scenario } from '../scenario.ts';

function requests(path: string): LoadRequest[] {
  return Array.from({ length: 100 }, (_, sensor) => ({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sensor, value: sensor / 8 }),
    status: 201,
    includes: '',
  }));
}

function insert(connections: number, durable: boolean): Scenario {
  const clients = `${connections.toLocaleString('en')} concurrent clients`;
  return {
    name: `insert-${connections}${durable ? '' : '-no-fsync'}`,
    title: `single-row inserts, ${clients}, ${durable ? 'durable commits' : 'without fsync'}`,
    connections,
    ...(durable ? { durable } : {}),
    async start(fixture) {
      const [gateway, route] = await Promise.all([fixture.gateway(), fixture.baseline('insert')]);
      const before = await rows(fixture.databaseUrl);
      return {
        ours: { server: gateway, requests: requests('/rest/v1/readings'), target: null },
        others: [{ server: route, requests: requests('/readings'), target: durable ? 2 : null }],
        async check(completed) {
          const added = (await rows(fixture.databaseUrl)) - before;
          return added === completed ? undefined : `${completed} inserts were acknowledged, ${added} rows are there`;
        },
      };
    },
  };
}

async function rows(url: string): Promise<number> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql`select count(*)::int as rows from readings`;
    return Number(row?.rows);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

export const insert100 = insert(100, true);
export const insert1000 = insert(1_000, true);
export const insert100NoFsync = insert(100, false);
export const insert1000NoFsync = insert(1_000, false);
