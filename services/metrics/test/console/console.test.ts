/** The built console in a real browser, with real figures: sign-in, findings, keys, addresses, a lost connection. */
import { existsSync } from 'node:fs';
import postgres from 'postgres';
import t from 'tap';
import { useMetrics } from '../metrics-fixture.ts';
import { useConsole } from './console-fixture.ts';

t.ok(existsSync(new URL('../../dist/console/index.html', import.meta.url)), 'the console is built');

const fixture = await useConsole(t);
const { metrics, open, complaints } = fixture;

t.test('takes the token from the address, and forgets it', async (t) => {
  const page = await open('');
  await page.getByText('Nothing is wrong.').waitFor();
  t.equal(page.url(), `${metrics.url}/console/`);
  await page.reload();
  await page.getByText('Nothing is wrong.').waitFor();
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await page.getByLabel('Token').waitFor();
  t.equal(await page.evaluate('sessionStorage.length'), 0);

  await page.getByLabel('Token').fill(await metrics.token('authenticated'));
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('may not use the performance API').waitFor();
  await page.getByLabel('Token').fill(await metrics.token('ops'));
  await page.keyboard.press('Enter');
  await page.getByText('Nothing is wrong.').waitFor();
  await page.close();
});

t.test('a code in the address serves once, and is no token', async (t) => {
  const authorization = `Bearer ${await metrics.token('ops')}`;
  const issue = (headers: Record<string, string>) => fetch(`${metrics.url}/console/code`, { method: 'POST', headers });
  t.equal((await issue({})).status, 401);
  t.equal((await issue({ authorization: `Bearer ${await metrics.token('authenticated')}` })).status, 403);
  const { code } = (await (await issue({ authorization })).json()) as { code: string };
  t.notMatch(authorization, code);
  const user = await metrics.token('authenticated');
  const ofUser = await (await issue({ authorization, 'tidemark-code-token': user })).json();
  const redeem = () =>
    fetch(`${metrics.url}/console/token`, { method: 'POST', headers: { 'tidemark-console-code': ofUser.code } });
  t.same(await (await redeem()).json(), { token: user }, 'an operator passes on the token of another');
  t.equal((await redeem()).status, 401);
  t.equal((await issue({ authorization, 'tidemark-code-token': `${user}x` })).status, 401);
  const page = await open('');
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await page.getByLabel('Token').waitFor();
  await page.goto(`${metrics.url}/console/#code=${code}`);
  await page.getByText('Nothing is wrong.').waitFor();
  t.equal(page.url(), `${metrics.url}/console/`);
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await page.goto(`${metrics.url}/console/#code=${code}`);
  await page.getByRole('alert').getByText('has been used or expired').waitFor();
  await page.getByText('tidemark console').first().waitFor();
  await page.close();
});

t.test('at the port of the metrics service, pages of the gateway say where to open them', async (t) => {
  const page = await open('jobs');
  await page.getByText('this address is that of the metrics service').first().waitFor();
  await page.getByText('npx --no -- tidemark console').first().waitFor();
  await page.getByRole('link', { name: 'Data', exact: true }).click();
  await page.getByLabel('/rest/v1/').fill('commentary?limit=5');
  await page.keyboard.press('Enter');
  await page.getByText('this address is that of the metrics service').first().waitFor();
  t.equal(page.url(), `${metrics.url}/console/data?query=commentary%3Flimit%3D5`);
  await page.close();
});

t.test('a pasted address restores page, range, filter and selection; Esc takes the selection away', async (t) => {
  const page = await open('processes?range=1h&instance=gateway%2Fgateway-t');
  await page.locator('#instance').getByText('gateway-t').first().waitFor();
  t.equal(await page.getByLabel('Range of the charts').inputValue(), '1 h');
  await page.keyboard.press('Escape');
  await page.locator('#instance').waitFor({ state: 'detached' });
  t.equal(page.url(), `${metrics.url}/console/processes?range=1h`);
  await page.goBack();
  await page.locator('#instance').waitFor();
  await page.close();
});

t.test('shows the instances, and where the figures come from', async () => {
  const page = await open('processes');
  await page.locator('#instances').getByRole('rowheader', { name: 'gateway-t' }).waitFor();
  await page.locator('#collectors').getByRole('rowheader', { name: 'postgres activity' }).waitFor();
  await page.close();
});

t.test('the session that blocks others is found by keyboard alone, with SQL that ends it', async (t) => {
  const sql = postgres(fixture.servers.primaryUrl, { max: 3, onnotice: () => {} });
  t.teardown(() => sql.end({ timeout: 1 }));
  await sql`create table public.blocked (id int)`;
  const blocker = await sql.reserve();
  await blocker`begin`;
  await blocker`lock table public.blocked`;
  const [{ pid }] = (await blocker`select pg_backend_pid() as pid`) as unknown as [{ pid: number }];
  const waiting = sql`select count(*) from public.blocked`.catch(() => {});
  void waiting;

  const page = await open('requests');
  await page.getByRole('link', { name: /1 problem/ }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('n');
  const finding = page.getByRole('article');
  await finding.getByRole('heading', { name: new RegExp(`pid ${pid}`) }).waitFor();
  const [named] = (await metrics.health()).findings.filter(({ root }) => root === null);
  t.equal(named?.rule, 'lock.blocker');
  t.match(await finding.getByText('pg_terminate_backend').textContent(), new RegExp(String(pid)));
  t.equal(await page.evaluate('document.documentElement.scrollHeight'), 900, 'the first screen needs no scrolling');

  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.locator('#sessions .chosen').getByText(`pid ${pid}`).waitFor();
  t.match(page.url(), new RegExp(`/console/database\\?section=sessions&pid=${pid}$`));

  await page.keyboard.press('/');
  await page.keyboard.type('gateway-t');
  await page.getByRole('option', { name: /process gateway-t/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('#instance').waitFor();
  await page.close();

  await sql`select pg_terminate_backend(${pid})`;
  await metrics.until(({ status }) => status === 'ok', 'the session has ended');
});

t.test('says that an instance and then the connection are lost, and comes back by itself', async () => {
  const page = await open('');
  await page.getByText('Nothing is wrong.').waitFor();
  fixture.gateway.stop();
  const finding = page.getByRole('article');
  await finding.getByRole('heading', { name: /^Gateway-t .* has been silent/ }).waitFor();
  await finding.getByText('1 consequence').click();
  await finding.getByText('No gateway reports itself').waitFor();

  const { port } = new URL(metrics.url);
  await metrics.stop();
  await page.getByRole('alert').getByText('The connection to the metrics service is lost').waitFor();
  await page.locator('main.stale').waitFor();
  await useMetrics(t, fixture.servers, { PORT: port });
  await page.locator('.connection.live').waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.close();
});

t.test('causes no errors and no requests to other hosts', async (t) => {
  t.same(complaints, []);
});
