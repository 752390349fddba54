/**
 * Every acknowledged row must exist in the end. Only the durable comparison, where each commit reaches the disk, has
 * a target.
 */
import { withClient } from '@tidemark/local-stack';
import { postJson, type Scenario } from '../scenario.ts';

const requests = (path: string) =>
  Array.from({ length: 100 }, (_, sensor) => postJson(path, { sensor, value: sensor / 8 }, 201, ''));

function insert(connections: number, durable: boolean): Scenario {
  const clients = `${connections.toLocaleString('en')} concurrent clients`;
  return {
    name: `insert-${connections}${durable ? '' : '-no-fsync'}`,
    title: `single-row inserts, ${clients}, ${durable ? 'durable commits' : 'without fsync'}`,
    connections,
    durable,
    async start(fixture) {
      const [gateway, route] = await Promise.all([fixture.gateway(), fixture.baseline('insert')]);
      const before = await rows(fixture.databaseUrl);
      return {
        gateway: { server: gateway, requests: requests('/rest/v1/readings') },
        baselines: [{ server: route, requests: requests('/readings'), target: durable ? 2 : null }],
        async check(completed) {
          const added = (await rows(fixture.databaseUrl)) - before;
          return added === completed
            ? undefined
            : `${completed} inserts were acknowledged, and ${added} rows were added`;
        },
      };
    },
  };
}

async function rows(url: string): Promise<number> {
  const [row] = await withClient(url, (sql) => sql`select count(*)::int as rows from readings`);
  return Number(row?.rows);
}

export const insert100 = insert(100, true);
export const insert1000 = insert(1_000, true);
export const insert100NoFsync = insert(100, false);
export const insert1000NoFsync = insert(1_000, false);
