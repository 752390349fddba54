import type { Severity } from '@tidemark/contracts';
import fc from 'fast-check';
import t from 'tap';
import { type AlertState, isSettled, owes, type Told } from '../../src/alerts/alert.ts';
import { AlertBook } from '../../src/alerts/alert-book.ts';
import { alertmanagerBody } from '../../src/alerts/alertmanager.ts';
import { isLeader } from '../../src/alerts/leader.ts';
import { receiversOf } from '../../src/alerts/receivers.ts';
import { slackBody } from '../../src/alerts/slack.ts';
import type { Instance } from '../../src/instances/registry.ts';
import { telemetry } from '../telemetry-example.ts';

const REPEAT_MS = 100;
const nobody = () => false;

const alert = (changes: Partial<AlertState> = {}): AlertState => ({
  id: '7d0bdb5b-0000-4000-8000-000000000000',
  key: 'replica r1',
  rule: 'replica.lag',
  severity: 'warning',
  subject: 'r1',
  message: 'the replica r1 is 9 s behind',
  hint: 'Is its replay paused?',
  startedAt: 1_000,
  lastActiveAt: 1_000,
  endedAt: null,
  muted: false,
  sent: {},
  ...changes,
});
const told = (state: Told['state'], at = 1_000, severity: Severity = 'warning') => ({ a: { state, severity, at } });
const report = (key: string, severity: Severity = 'warning') => ({
  key,
  rule: 'replica.lag',
  severity,
  subject: 'r1',
  message: 'm',
  hint: 'h',
});

t.test(
  'a receiver is told of an alert once, again after the repeat time or when it gets worse, and of its end',
  async (t) => {
    const owed = (changes: Partial<AlertState>, now: number, isSilenced = nobody) =>
      owes(alert(changes), 'a', now, REPEAT_MS, isSilenced);
    t.equal(owed({}, 1_000), true);
    t.equal(owed({ sent: told('firing') }, 1_099), false);
    t.equal(owed({ sent: told('firing') }, 1_100), true, 'repeated');
    t.equal(owed({ sent: told('firing'), severity: 'critical' }, 1_001), true, 'worse');
    t.equal(owed({ sent: told('firing', 1_000, 'critical') }, 1_001), false, 'no news when it gets better');
    t.equal(owed({ sent: told('firing'), endedAt: 1_001 }, 1_001), true, 'ended');
    t.equal(owed({ sent: told('resolved'), endedAt: 1_001 }, 9_999), false);
    t.equal(owed({ endedAt: 1_001 }, 1_001), true, 'one that could not be delivered while it lasted');
    t.equal(owed({ sent: { b: told('firing').a } }, 1_001), true, 'another receiver was told');
  },
);

t.test('a silence stops news of a problem, but not of the end of one that the receiver knows', async (t) => {
  const everything = () => true;
  t.equal(owes(alert(), 'a', 1_000, REPEAT_MS, everything), false);
  t.equal(owes(alert({ sent: told('firing') }), 'a', 9_000, REPEAT_MS, everything), false);
  t.equal(owes(alert({ sent: told('firing'), endedAt: 2_000 }), 'a', 9_000, REPEAT_MS, everything), true);
  t.equal(owes(alert({ endedAt: 2_000, muted: true }), 'a', 9_000, REPEAT_MS, nobody), false, 'it ended in silence');
});

t.test('an alert is settled exactly when it has ended and no receiver must be told anything', async () => {
  const state = fc.constantFrom<Told['state'] | undefined>(undefined, 'firing', 'resolved');
  fc.assert(
    fc.property(state, state, fc.boolean(), fc.boolean(), (a, b, ended, muted) => {
      const sent = Object.fromEntries(
        Object.entries({ a, b }).flatMap(([name, state]) => (state ? [[name, { ...told(state).a }]] : [])),
      );
      const one = alert({ sent, endedAt: ended ? 2_000 : null, muted });
      const owed = ['a', 'b'].some((name) => owes(one, name, 3_000, REPEAT_MS, nobody));
      return isSettled(one, ['a', 'b']) === (ended && !owed);
    }),
  );
});

t.test('an alert ends after the quiet time, and is a new one when its problem returns', async (t) => {
  const book = new AlertBook({ receivers: ['a'], quietMs: 60, observe: () => {} });
  book.report(report('x'), 1_000);
  book.report(report('x', 'critical'), 1_030);
  t.same(book.endQuiet(1_089, nobody), []);
  t.equal(book.lasting()[0]?.severity, 'critical');
  book.quiet('x', 1_010);
  const [ended] = book.endQuiet(1_089, nobody);
  t.match(ended, { key: 'x', endedAt: 1_089, startedAt: 1_000 });
  book.report(report('x'), 1_100);
  t.equal(book.size, 2, 'the one that ended waits for its receiver');
  t.not(book.lasting()[0]?.id, ended?.id);
});

t.test('a full book gives the place of an ended alert to a new one, and counts what it refuses', async (t) => {
  const book = new AlertBook({ receivers: [], quietMs: 10, observe: () => {} });
  for (let n = 0; n < 1_000; n++) book.report(report(`k${n}`), n === 0 ? 1_000 : 2_000);
  book.report(report('late'), 2_000);
  t.equal(book.refusedTotal, 1);
  t.equal(book.endQuiet(1_500, nobody).length, 1);
  book.report(report('later'), 2_000);
  t.equal(book.size, 1_000);
  t.equal(book.refusedTotal, 1);
});

t.test('an alert that an instance before has told of is not told again after a restart', async (t) => {
  const book = new AlertBook({ receivers: ['a'], quietMs: 60, observe: () => {} });
  book.report(report('replica r1'), 5_000);
  const stored = alert({ sent: told('firing', 4_000) });
  const again = alert({ id: '7d0bdb5b-0000-4000-8000-000000000001' });
  book.adopt([stored, again, alert({ id: '7d0bdb5b-0000-4000-8000-000000000002', key: 'gone' })], 5_000);
  t.match(
    book.lasting().map(({ key, id, startedAt, sent }) => ({ key, id, startedAt, sent })),
    [{ key: 'replica r1', id: stored.id, startedAt: 1_000, sent: told('firing', 4_000) }, { key: 'gone' }],
  );
  t.equal(book.endQuiet(5_060, nobody).length, 2, 'a problem that ended meanwhile ends after the quiet time');
  book.takeUnsaved(100);
  book.sweep(true);
  t.same(
    book.all().map(({ id }) => id),
    [stored.id, '7d0bdb5b-0000-4000-8000-000000000002'],
    'the double is settled at once',
  );
});

t.test('the instance that has run for longest notifies, and so does one that hears no other', async (t) => {
  const metrics = (instance: string, startedAt: number) =>
    ({ telemetry: telemetry({ service: 'metrics', instance, startedAt }) }) as Instance;
  const both = [metrics('b', 10), metrics('a', 20)];
  t.equal(isLeader(both, 'b'), true);
  t.equal(isLeader(both, 'a'), false);
  t.equal(isLeader([], 'a'), true);
  t.equal(isLeader([metrics('b', 10)], 'a'), true, 'its own telemetry does not arrive');
});

t.test('notifications have the forms of Slack and of Alertmanager', async (t) => {
  const ended = alert({ key: 'x', message: 'a <b> & c', endedAt: 61_000 });
  t.match(slackBody([alert(), ended], 'https://console.test'), {
    text: 'Tidemark: 1 firing, 1 resolved (<https://console.test|console>)',
    attachments: [
      { title: 'warning: replica.lag' },
      { title: 'resolved: replica.lag', text: 'a &lt;b&gt; &amp; c', ts: 61 },
    ],
  });
  t.match(alertmanagerBody([alert(), ended], ''), {
    version: '4',
    status: 'firing',
    alerts: [
      { status: 'firing', labels: { alertname: 'replica.lag', severity: 'warning' }, endsAt: '0001-01-01T00:00:00Z' },
      { status: 'resolved', startsAt: '1970-01-01T00:00:01.000Z', endsAt: '1970-01-01T00:01:01.000Z' },
    ],
  });
  const names = receiversOf('https://a.test/s3cret,https://b.test/x', 'http://c.test/').map(({ name, host }) => [
    name,
    host,
  ]);
  t.same(names, [
    ['slack-1', 'a.test'],
    ['slack-2', 'b.test'],
    ['webhook-1', 'c.test'],
  ]);
});
