/** A console at rest costs little: one stream for all tabs, none while none is visible, a list of any length in few elements. */

import { until } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { startGateway, useConsole } from './console-fixture.ts';

const ITEMS = 10_000;
const MAX_ROWS = 200;

const fixture = await useConsole(t);
const { metrics, open, complaints } = fixture;

async function streams(): Promise<number> {
  const page = await fetch(`${metrics.url}/metrics`, {
    headers: { authorization: `Bearer ${await metrics.token('ops')}` },
  });
  return Number(/^tidemark_metrics_stream_clients\S* (\d+)/m.exec(await page.text())?.[1]);
}

const untilStreams = (count: number) =>
  until(async () => (await streams()) === count || undefined, `the service has ${count} streams`);

t.test('eight tabs on HTTP/1.1 share one stream, which ends with the last tab', async (t) => {
  const first = await open('');
  const context = first.context();
  await first.getByText('Nothing is wrong.').waitFor();
  const others = ['requests', 'queries', 'database', 'live', 'jobs', 'processes', 'incidents'];
  const tabs = [first];
  for (const path of others) tabs.push(await open(path, { context }));
  for (const tab of tabs) await tab.locator('.connection.live').waitFor();
  await untilStreams(1);
  await tabs.at(-2)?.locator('#instances').getByText('gateway-t').first().waitFor();
  for (const tab of tabs) await tab.close({ runBeforeUnload: false });
  await untilStreams(0);
  t.pass('the stream has ended');
  await context.close();
});

t.test('leaving a page destroys its charts', async (t) => {
  const page = await open('processes?instance=gateway%2Fgateway-t');
  await page.locator('#instance canvas').first().waitFor();
  for (const key of ['n', 'd', 'l', 'p', 'i']) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
  }
  await page.locator('#rules').waitFor();
  t.equal(await page.locator('canvas').count(), 0);
  await page.context().close();
});

t.test(`${ITEMS} items of a job take fewer than ${MAX_ROWS} rows of the document`, async (t) => {
  const url = await startGateway(t, fixture);
  const sql = postgres(fixture.servers.primaryUrl, { max: 1, onnotice: () => {} });
  t.teardown(() => sql.end());
  const [{ id }] = (await sql`
    insert into tidemark.jobs (kind, spec, role, owner) values ('image.transform', '{}', 'authenticated', 'ann')
    returning id`) as unknown as [{ id: string }];
  await sql`
    insert into tidemark.job_items (job_id, index, state, attempts, input, code, error)
    select ${id}, n, case when n % 10 = 0 then 'failed' else 'succeeded' end, 1, jsonb_build_object('file', n),
      case when n % 10 = 0 then 'FILE_BROKEN' end, case when n % 10 = 0 then '{"message": "it is no image"}'::jsonb end
    from generate_series(0, ${ITEMS - 1}) n`;
  await sql`
    update tidemark.jobs set state = 'partly_failed', total = ${ITEMS}, done = ${ITEMS * 0.9}, failed = ${ITEMS * 0.1},
      planned_all = true, started_at = now() - interval '10 s', finished_at = now() where id = ${id}`;

  const page = await open(`jobs?job=${id}`, { url });
  await page.locator('#job').getByText('The role ops may not retry jobs').waitFor();
  await page.getByRole('button', { name: 'Look as …' }).click();
  await page.getByLabel(/Token of another role/).fill(await metrics.token('authenticated', { sub: 'ann' }));
  await page.keyboard.press('Enter');
  const items = page.getByRole('region', { name: 'Items', exact: true });
  await items.getByText('it is no image').first().waitFor();
  const rows = () => page.locator('li.virtual-row').count();
  t.ok((await rows()) < MAX_ROWS, `${await rows()} rows`);

  await page.evaluate("document.querySelector('[aria-label=Items] .virtual').scrollTop = 1e9");
  await items.getByText(`"file":${ITEMS - 1}}`).waitFor();
  t.ok((await rows()) < MAX_ROWS, `${await rows()} rows at the end`);

  const failures = page.getByRole('region', { name: 'Failures by error' });
  await failures.getByText('FILE_BROKEN').waitFor();
  await failures.getByRole('button', { name: 'Retry group' }).click();
  await page.locator('#job').getByText('running', { exact: true }).waitFor();
  await page.context().close();
});

t.test('causes no errors and no requests to other hosts', async (t) => {
  t.same(complaints, []);
});
