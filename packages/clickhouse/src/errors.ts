import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('CLICKHOUSE', {
  INVALID_URL: row<{ value: string }>({
    status: 500,
    message: (p) => `"${p.value}" is not the address of a ClickHouse server`,
    hint: 'Set CLICKHOUSE_URL to http://<user>:<password>@<host>:8123, or to https://….',
  }),
  INVALID_TABLE: row<{ value: string }>({
    status: 400,
    message: (p) => `"${p.value}" is not the name of a table`,
    hint: 'Write <schema>.<table>, separated by commas: --tables corpus.records,fleet.telematics.',
  }),
  NO_TABLE: row<{ table: string }>({
    status: 404,
    message: (p) => `there is no table ${p.table} that the sink could read`,
    hint: 'Check the name (schema.table, case counts), and that the user of the database may read it.',
  }),
  NO_KEY: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key`,
    hint: 'Add a primary key, or a unique index with REPLICA IDENTITY USING INDEX: ClickHouse replaces rows by it.',
  }),
  NOT_PUBLISHED: row<{ table: string; publication: string }>({
    status: 400,
    message: (p) => `the changes of ${p.table} are not in the publication ${p.publication}`,
    hint: 'Run `npx --no -- tidemark live enable <schema>.<table>`.',
  }),
  TARGET_TAKEN: row<{ table: string; engine: string }>({
    status: 409,
    message: (p) => `ClickHouse has a table ${p.table} already (engine ${p.engine}), which is not of this sink`,
    hint: 'Rename or drop it: the sink makes a view of this name.',
  }),
  VALUE_OUT_OF_RANGE: row<{ table: string; column: string; type: string; value: string }>({
    status: 500,
    message: (p) => `${p.table}: the key column ${p.column} (${p.type}) cannot hold ${p.value.slice(0, 80)}`,
    hint: 'ClickHouse has no such value. Correct the row, or leave the table out.',
  }),
  POOL_TIMEOUT: row<{ ms: number }>({
    status: 503,
    message: (p) => `no connection to ClickHouse was free within ${p.ms} ms`,
    hint: 'ClickHouse is slow: look at its system.processes and system.merges.',
  }),
  POOL_FULL: row<{ waiting: number }>({
    status: 503,
    message: (p) => `${p.waiting} requests wait for a connection to ClickHouse already`,
    hint: 'ClickHouse is slow: look at its system.processes and system.merges.',
  }),
  POOL_CLOSED: row<Record<string, never>>({
    status: 503,
    message: () => 'the connections to ClickHouse are closed',
    hint: 'The sink has been stopped.',
  }),
  STOPPED: row<Record<string, never>>({
    status: 503,
    message: () => 'the sink was stopped before its work was done',
    hint: 'The next start goes on at the stored position.',
  }),
});
