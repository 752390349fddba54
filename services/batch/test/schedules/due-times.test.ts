import { readPattern } from '@tidemark/service';
import t from 'tap';
import { dueTimes, type Missed } from '../../src/schedules/due-times.ts';

const NOW = new Date('2026-03-10T12:00:05Z');

function decide(pattern: string, missed: Missed, first: string) {
  const { due, missed: lost, next } = dueTimes(readPattern(pattern, 'UTC', new Date(0)), missed, new Date(first), NOW);
  return { due: due.map((at) => at.toISOString().slice(5, 16)), lost: lost?.toISOString().slice(5, 16), next };
}

t.test('a time that is due is not missed', async (t) => {
  for (const missed of ['skip', 'once', 'all'] as const) {
    t.match(decide('0 12 * * *', missed, '2026-03-10T12:00:00Z'), { due: ['03-10T12:00'], lost: undefined });
  }
});

t.test('missed times start one job, a job each, or none, as the schedule says', async (t) => {
  const since = '2026-03-07T11:00:00Z';
  t.match(decide('0 11 * * *', 'skip', since), { due: [], lost: '03-10T11:00' });
  t.match(decide('0 11 * * *', 'once', since), { due: ['03-10T11:00'], lost: '03-09T11:00' });
  const all = ['03-07T11:00', '03-08T11:00', '03-09T11:00', '03-10T11:00'];
  t.match(decide('0 11 * * *', 'all', since), { due: all, lost: undefined });
  t.match(decide('0 12 * * *', 'once', '2026-03-08T12:00:00Z'), { due: ['03-10T12:00'], lost: '03-09T12:00' });
  t.match(decide('0 11 * * *', 'once', since).next, new Date('2026-03-11T11:00:00Z'));
});

t.test('after a year without an instance, a pattern for every second starts a bounded number of jobs', async (t) => {
  const { due, lost } = decide('* * * * * *', 'all', '2025-03-10T12:00:00Z');
  t.ok(due.length <= 200 && due.length >= 100, `${due.length} jobs`);
  t.ok(lost);
  t.equal(decide('* * * * * *', 'once', '2025-03-10T12:00:00Z').due.at(-1), '03-10T12:00');
  t.ok(decide('* * * * * *', 'skip', '2025-03-10T12:00:00Z').due.length <= 16);
});
