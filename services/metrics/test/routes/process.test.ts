import { ProcessAnswer } from '@tidemark/contracts';
import { migrate } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { useMetrics } from '../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
t.teardown(() => database.drop());
const servers = { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() };
const metrics = await useMetrics(t, servers, { METRICS_EXPECT: 'none' });
const INSTANCE = 'metrics-t';

interface Profile {
  nodes: { callFrame: { functionName: string } }[];
}

function spinForTheProfile(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end) Math.sqrt(end);
}

t.test('a CPU profile of an instance names the function that takes the time', async (t) => {
  const asked = metrics.get(`profile?instance=${INSTANCE}&seconds=1`);
  const spinning = setInterval(() => spinForTheProfile(20), 25);
  const answer = await asked;
  clearInterval(spinning);
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-disposition'), /metrics-t\.cpuprofile/);
  const { nodes } = (await answer.json()) as Profile;
  t.ok(nodes.some(({ callFrame }) => callFrame.functionName === 'spinForTheProfile'));
});

t.test('a heap profile has the functions whose allocations are still in use', async (t) => {
  const kept: object[] = [];
  const allocating = setInterval(function keepForTheProfile() {
    for (let n = 0; n < 20_000; n++) kept.push({ n });
  }, 20);
  const answer = await metrics.get(`profile?instance=${INSTANCE}&what=heap&seconds=1`);
  clearInterval(allocating);
  t.ok(kept.length > 0);
  t.match(await answer.text(), /keepForTheProfile/);
});

t.test('garbage is collected on request', async (t) => {
  const token = await metrics.token('ops');
  const answer = await fetch(`${metrics.url}/api/v1/performance/gc?instance=${INSTANCE}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  t.match(await answer.json(), {
    instances: [{ instance: INSTANCE, freedBytes: Number, heapUsedBytes: Number }],
    silent: [],
  });
});

t.test('only operators get a profile, also from the instance itself, and one at a time', async (t) => {
  const subject = metrics.bus.subjects.inspect('process', INSTANCE);
  const ask = (token: string, what: string, seconds: number) =>
    metrics.bus.ask(subject, { token, what, seconds }, { schema: ProcessAnswer, timeoutMs: 5_000 });
  await t.rejects(ask(await metrics.token('authenticated'), 'cpu', 1), { code: 'AUTH_FORBIDDEN' });
  const ops = await metrics.token('ops');
  const first = ask(ops, 'cpu', 1);
  await t.rejects(ask(ops, 'cpu', 1), { code: 'BUS_BUSY' });
  await first;
  await t.rejects(ask(ops, 'cpu', 31), { code: 'BUS_INVALID_QUESTION' });
  t.equal((await metrics.get('profile?instance=nobody')).status, 503);
  t.equal((await metrics.get('profile?instance=a&seconds=99')).status, 400);
});

t.test('a heap snapshot needs INSPECT_HEAP=on and the role service_role', async (t) => {
  const ask = async (role: string) => {
    const headers = { authorization: `Bearer ${await metrics.token(role)}` };
    const url = `${metrics.url}/api/v1/performance/heap-snapshot?instance=${INSTANCE}`;
    const answer = await fetch(url, { method: 'POST', headers });
    return { status: answer.status, ...((await answer.json()) as { code: string }) };
  };
  t.match(await ask('ops'), { status: 403, code: 'AUTH_FORBIDDEN', message: /ops/ });
  t.match(await ask('service_role'), { status: 403, code: 'PROCESS_SNAPSHOT_OFF', hint: /INSPECT_HEAP/ });
});

t.test('workers, caches and jobs are listed, and what is missing says why', async (t) => {
  const ask = async (path: string) => (await metrics.get(path)).json();
  t.match(await ask('workers/info'), { at: Number, workers: Array, silent: [] });
  t.match(await ask('cache'), { bytes: null, hitRate: null, instances: [] });
  t.match(await ask('jobs'), { at: Number, why: null, queued: 0, running: 0, active: [], problems: { list: [] } });
  t.equal((await metrics.get(`profile?instance=${INSTANCE}&worker=999&seconds=1`)).status, 404);
});
