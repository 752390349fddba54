import t from 'tap';
import type { ChunkState } from '../../src/chunks/chunk-state.ts';
import { chunkStatements as sql } from '../../src/chunks/chunk-statements.ts';
import { openBatchStack } from '../batch-stack.ts';
import { CHUNK_STATES, CHUNK_TABLE, COLUMNS, type Column, MAX_ATTEMPTS } from './chunk-table.ts';

const WORKER = 'w';
const KINDS = '["image.transform"]';

/** The statement of each event, with its parameters. */
function statementOf(column: Column, job: string, attempt: number): [string, unknown[]] {
  const given = column.startsWith('stale ') ? attempt - 1 : attempt;
  switch (column.replace('stale ', '').replace(' in the last attempt', '')) {
    case 'publish':
      return [sql.openWindow, [job, 1]];
    case 'claim':
      return [sql.claim, [job, 0, given, WORKER, 60_000, KINDS]];
    case 'complete':
      return [sql.complete, [job, 0, given, WORKER, 1, 0, null]];
    case 'hand_back':
      return [sql.handBack, [job, 0, given, WORKER]];
    case 'fault':
      return [sql.fault, [job, 0, given, WORKER, MAX_ATTEMPTS, '[]', 0]];
    case 'lost':
      return [sql.takeBack, [MAX_ATTEMPTS, '[]', 10]];
    default:
      return [sql.cancelEnded, [10]];
  }
}

t.test('each statement makes the transition of the state machine, and no other', async (t) => {
  const stack = await openBatchStack(t);
  const job = await stack.insertJob({});
  const put = async (state: ChunkState, attempt: number, jobState: string) => {
    await stack.query('update tidemark.jobs set state = $2 where id = $1', [job, jobState]);
    await stack.query('delete from tidemark.job_chunks');
    await stack.query(
      `insert into tidemark.job_chunks (job_id, chunk, state, attempt, items, worker, lease_until, queued_at)
       values ($1, 0, $2, $3, '[{}]', $4, now() - interval '1 s', now())`,
      [job, state, attempt, WORKER],
    );
  };
  for (const state of CHUNK_STATES) {
    for (const column of COLUMNS) {
      const attempt = column.includes('last attempt') ? MAX_ATTEMPTS : 2;
      await put(state, attempt, column === 'cancel' ? 'cancelled' : 'running');
      const [text, params] = statementOf(column, job, attempt);
      const answer = await stack.query(text, params);
      const [row] = await stack.query('select state, attempt from tidemark.job_chunks');
      const expected = CHUNK_TABLE[state][column];
      t.same({ ...row }, expected ?? { state, attempt }, `${state}, ${column}`);
      t.equal(answer.length, expected ? 1 : 0, `${state}, ${column}: says whether it did`);
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
  t.same(await stack.query(sql.complete, [job, 0, 1, 'another', 1, 0, null]), []);
  t.same(await stack.query(sql.handBack, [job, 0, 1, 'another']), []);
  t.same(await stack.query(sql.takeBack, [3, '[]', 10]), [], 'its lease lives');
  t.same(await stack.query(sql.renew, ['another', 1_000, JSON.stringify([{ job, chunk: 0, attempt: 1 }])]), []);
  t.equal((await stack.query(sql.renew, ['w', 1_000, JSON.stringify([{ job, chunk: 0, attempt: 1 }])])).length, 1);
  t.same(await stack.query(sql.cancelEnded, [10]), [], 'its job runs');
  await stack.query("update tidemark.jobs set state = 'cancelled'");
  await chunk('queued', '1 minute');
  t.same(await stack.query(sql.claim, [job, 0, 1, 'w', 1_000, KINDS]), [], 'its job is cancelled');
});
