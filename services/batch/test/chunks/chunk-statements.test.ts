import t from 'tap';
import type { Chunk, ChunkState } from '../../src/chunks/chunk-state.ts';
import { chunkStatements as sql } from '../../src/chunks/chunk-statements.ts';
import { leaseStatements as leases } from '../../src/leases/lease-statements.ts';
import { openBatchStack } from '../batch-stack.ts';
import { CHUNK_STATES, CHUNK_TABLE, COLUMNS, type Column, chunkBefore, MAX_LOSSES } from './chunk-table.ts';

const WORKER = 'w';
const KINDS = '[{"name": "image.transform", "oldest": 1, "version": 1}]';
const CLAIM = [KINDS, WORKER, 60_000, '{high,normal,low}', '{}', 0, 1, '{}'];

/** The result of a chunk whose one item succeeded, without files or retries. */
const completed = (job: string, attempt: number, worker: string) => [
  ...[job, 0, attempt, worker, 1, 0, null, null, null, null, null, 8, true],
];

/** The statement of each event, with its parameters. */
function statementOf(column: Column, job: string, attempt: number): [string, unknown[]] {
  const given = column.startsWith('stale ') ? attempt - 1 : attempt;
  switch (column.replace('stale ', '').replace(/ with one item.*/, '')) {
    case 'publish':
      return [sql.openWindow, [job, 1]];
    case 'claim':
      return [sql.claim, CLAIM];
    case 'complete':
      return [sql.complete, completed(job, given, WORKER)];
    case 'hand_back':
      return [sql.handBack, [job, 0, given, WORKER]];
    case 'fault':
      return [sql.fault, [job, 0, given, WORKER, 1_000]];
    case 'lost':
      return [sql.lose, [job, 0, given, null, MAX_LOSSES]];
    default:
      return [sql.cancelEnded, [JSON.stringify([job])]];
  }
}

t.test('each statement makes the transition of the state machine, and no other', async (t) => {
  const stack = await openBatchStack(t);
  const job = await stack.insertJob({});
  const put = async (chunk: Chunk, jobState: string) => {
    await stack.query('update tidemark.jobs set state = $2 where id = $1', [job, jobState]);
    await stack.query('delete from tidemark.job_chunks');
    await stack.query(
      `insert into tidemark.job_chunks (job_id, chunk, state, attempt, losses, items, worker, lease_until, queued_at)
       values ($1, 0, $2, $3, $4, $5, $6, now() - interval '1 s', now())`,
      [job, chunk.state, chunk.attempt, chunk.losses, JSON.stringify(Array(chunk.items).fill({})), WORKER],
    );
  };
  for (const state of CHUNK_STATES) {
    for (const column of COLUMNS) {
      const before = chunkBefore(state, column);
      await put(before, column === 'cancel' ? 'cancelled' : 'running');
      const answer = await stack.query(...statementOf(column, job, before.attempt));
      const [row] = await stack.query(
        'select state, attempt, losses, jsonb_array_length(items) as items from tidemark.job_chunks',
      );
      const change = CHUNK_TABLE[state][column];
      t.same({ ...row }, { ...before, ...change }, `${state}, ${column}`);
      t.equal(answer.length, change ? 1 : 0, `${state}, ${column}: says whether it did`);
    }
  }
});

t.test('another worker, an ended job and a live lease change nothing', async (t) => {
  const stack = await openBatchStack(t);
  const job = await stack.insertJob({});
  const chunk = async (state: ChunkState, lease: string) => {
    await stack.query('delete from tidemark.job_chunks');
    await stack.query(
      `insert into tidemark.job_chunks (job_id, chunk, state, attempt, items, worker, lease_until)
       values ($1, 0, $2, 1, '[{}]', 'w', now() + $3::interval)`,
      [job, state, lease],
    );
  };
  await stack.query("update tidemark.jobs set state = 'running'");
  await chunk('running', '1 minute');
  t.same(await stack.query(sql.complete, completed(job, 1, 'another')), []);
  t.same(await stack.query(sql.handBack, [job, 0, 1, 'another']), []);
  t.same(await stack.query(sql.lose, [job, 0, 1, null, 3]), [], 'its lease lives');
  t.same(await stack.query(leases.renew, ['another', 1_000, JSON.stringify([{ job, chunk: 0, attempt: 1 }])]), []);
  const held = JSON.stringify([{ job, chunk: 0, attempt: 1 }]);
  t.same(await stack.query(leases.lost, ['w', held]), [], 'nor is it lost');
  t.equal((await stack.query(leases.lost, ['another', held])).length, 1);
  t.equal((await stack.query(leases.renew, ['w', 1_000, JSON.stringify([{ job, chunk: 0, attempt: 1 }])])).length, 1);
  t.same(await stack.query(sql.cancelEnded, [JSON.stringify([job])]), [], 'its job runs');
  await stack.query("update tidemark.jobs set state = 'cancelled'");
  await chunk('running', '1 minute');
  t.equal((await stack.query(leases.lost, ['w', held])).length, 1, 'its job is cancelled');
  await chunk('queued', '1 minute');
  t.same(await stack.query(sql.claim, CLAIM), [], 'its job is cancelled');
});
