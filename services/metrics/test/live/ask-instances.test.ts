/** `/live` and `/live/why` with instances that answer on NATS as realtime does. */
import {
  LiveListRequest,
  type LiveSubscription,
  type LiveWhy,
  LiveWhyRequest,
  TidemarkError,
} from '@tidemark/contracts';
import { migrate } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import { decodeJwt } from 'jose';
import t from 'tap';
import { type LiveListAnswer, merge } from '../../src/live/ask-instances.ts';
import { useMetrics } from '../metrics-fixture.ts';

const subscription = (instance: string, number: number): LiveSubscription => ({
  sub: `${instance}/${number}/s`,
  number,
  schema: 'public',
  query: 'notes',
  mode: 'every',
  window: false,
  state: 'live',
  role: 'anon',
  user: null,
  startedAt: 1,
  changes: 0,
  subscribers: 1,
  bufferedBytes: 0,
});
const counts = { sockets: 1, eventStreams: 0, subscriptions: 3, topics: 1 };

t.test('pages cover all instances, and contain each subscription once', async (t) => {
  const all = new Map([
    ['a', [1, 4, 7]],
    ['b', [2]],
    ['c', [1, 2, 3, 4]],
  ]);
  for (let limit = 1; limit <= 9; limit++) {
    const seen: string[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const [instance = '', number = '0'] = after.split('/');
      const names: string[] = [...all.keys()].filter((name) => name >= instance);
      const answers = names.map((name) => {
        const rest = (all.get(name) ?? []).filter((n) => name !== instance || n > Number(number));
        const page = rest.slice(0, limit).map((n) => subscription(name, n));
        const next = rest.length > limit ? (page.at(-1)?.number ?? 0) : null;
        return { instance: name, answer: { ...counts, page, next } };
      });
      const answer: LiveListAnswer = merge({ answers, silent: [] }, limit);
      t.ok(answer.subscriptions.length <= limit);
      seen.push(...answer.subscriptions.map(({ sub }) => sub));
      after = answer.next ?? undefined;
    }
    t.same(seen, ['a/1/s', 'a/4/s', 'a/7/s', 'b/2/s', 'c/1/s', 'c/2/s', 'c/3/s', 'c/4/s'], `by ${limit}`);
  }
});

t.test('asks the instances over NATS', async (t) => {
  const stack = await useTestStack();
  await stack.template('metrics', async (url) => void (await migrate(url)));
  const database = await stack.database({ template: 'metrics' });
  t.teardown(() => database.drop());
  const metrics = await useMetrics(t, { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() });
  const { bus } = metrics;
  const asked: LiveWhyRequest[] = [];
  const why: LiveWhy = {
    sub: 'rt-1/1/s',
    schema: 'public',
    query: 'notes',
    mode: 'every',
    role: 'anon',
    user: null,
    rowSecurity: false,
    rightsChanged: false,
    withheld: null,
    through: null,
    since: null,
    changes: [],
  };
  bus.answer(
    bus.subjects.inspect('subscriptions', 'rt-1'),
    ({ token = '', after, limit, table }: LiveListRequest) => {
      t.equal(decodeJwt(token).role, 'ops', 'a list is asked for with the token, too');
      const rest = table === 'none' ? [] : [1, 2, 3].filter((number) => number > after);
      const page = rest.slice(0, limit).map((number) => subscription('rt-1', number));
      return { ...counts, page, next: rest.length > limit ? limit : null };
    },
    { schema: LiveListRequest, concurrency: 10 },
  );
  bus.answer(
    bus.subjects.inspect('why', 'rt-1'),
    (request: LiveWhyRequest) => {
      asked.push(request);
      if (request.key === 'gone')
        throw new TidemarkError({ code: 'RT_KEY_NOT_CHANGED', status: 404, message: 'no change', hint: 'write it' });
      return why;
    },
    { schema: LiveWhyRequest, concurrency: 10 },
  );
  metrics.instance('realtime', 'rt-1');
  metrics.instance('realtime', 'rt-2');
  await metrics.until(
    ({ instances }) => instances.filter(({ service }) => service === 'realtime').length === 2,
    'both are known',
  );
  const get = async (path: string, role = 'ops') => {
    const headers = { authorization: `Bearer ${await metrics.token(role)}` };
    const answer = await fetch(`${metrics.url}/api/v1/performance/${path}`, { headers });
    return { status: answer.status, body: (await answer.json()) as LiveListAnswer & LiveWhy };
  };

  t.test('returns a page, and lists the instances that do not answer', async (t) => {
    const first = await get('live?limit=2');
    t.match(first.body, {
      instances: [{ instance: 'rt-1', ...counts }],
      silent: [{ instance: 'rt-2', code: 'BUS_NOBODY', hint: /running/ }],
      subscriptions: [{ sub: 'rt-1/1/s' }, { sub: 'rt-1/2/s' }],
      next: 'rt-1/2',
    });
    const second = await get(`live?limit=2&after=${first.body.next}`);
    t.match(second.body, { subscriptions: [{ sub: 'rt-1/3/s' }], next: null });
    t.same((await get('live?table=none&instance=rt-1')).body.subscriptions, []);
    t.match(await get('live?after=nowhere'), { status: 400, body: { code: 'METRICS_LIVE_CURSOR' } });
    t.equal((await get('live?limit=100000')).status, 400);
    t.equal((await get('live', 'authenticated')).status, 403);
  });

  t.test('passes the token of the operator to the instance, and its errors back', async (t) => {
    const query = 'live/why?sub=rt-1/1/s&table=notes&key=1';
    t.same((await get(query)).body, why);
    t.equal((await get(query, 'service_role')).status, 200);
    t.same(
      asked.map(({ token = '', limit }) => [decodeJwt(token).role, limit]),
      [
        ['ops', 5],
        ['service_role', 5],
      ],
    );
    t.equal((await get(query, 'authenticated')).status, 403);
    const refused = async (sub: string, key = '1') => get(`live/why?sub=${sub}&table=notes&key=${key}`);
    t.match(await refused('rt-1/1/s', 'gone'), { status: 404, body: { code: 'RT_KEY_NOT_CHANGED', hint: 'write it' } });
    t.match(await refused('rt-9/1/s'), { status: 404, body: { code: 'METRICS_LIVE_INSTANCE', hint: /lists/ } });
    t.match(await refused('nonsense'), { status: 400, body: { code: 'METRICS_LIVE_SUB' } });
    t.equal((await get('live/why?sub=rt-1/1/s&table=notes')).status, 400);
  });
});
