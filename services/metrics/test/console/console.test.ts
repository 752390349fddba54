/** Tests the built console in a real browser, with real figures. */
import { existsSync } from 'node:fs';
import { migrate } from '@tidemark/db';
import { buildBaseApp, createHealth, createLogger, createMetrics, httpStats } from '@tidemark/service';
import { useTestStack } from '@tidemark/testing';
import { launchChromium } from '@tidemark/testing/browser';
import type { Page } from 'playwright-core';
import t from 'tap';
import { enableStatements, useMetrics } from '../metrics-fixture.ts';

t.ok(existsSync(new URL('../../dist/console/index.html', import.meta.url)), 'the console is built');

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
t.teardown(() => database.drop());
const servers = { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() };
await enableStatements(database.primaryUrl);
const metrics = await useMetrics(t, servers);

const app = buildBaseApp({
  logger: createLogger({ service: 'gateway', instance: 'g', level: 'silent' }),
  health: createHealth(),
  metrics: createMetrics('gateway'),
});
app.get('/thing/:id', async () => ({ ok: true }));
t.teardown(() => app.close());
const gateway = metrics.instance('gateway', 'gateway-t', () => ({ http: httpStats(app) }));
await metrics.until(({ status }) => status === 'ok', 'all is well');

const browser = await launchChromium();
t.teardown(() => browser.close());

/** Errors, violations of the Content-Security-Policy, and requests to other hosts. */
const complaints: string[] = [];

async function openPage(fragment: string, width = 1280): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(metrics.url) && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(`${metrics.url}/console${fragment}`);
  return page;
}

const figure = (page: Page, panel: string, name: string) =>
  page.locator(`#${panel} .figure`, { has: page.getByText(name, { exact: true }) }).locator('dd');

t.test('shows live figures with the token of the address, and removes the token from the address', async (t) => {
  const page = await openPage(`/#token=${await metrics.token('ops')}`);
  await page.getByRole('status').getByText('All is well').waitFor();
  t.equal(page.url(), `${metrics.url}/console/`);
  await page.locator('#instances').getByRole('rowheader', { name: 'gateway-t' }).waitFor();

  for (let i = 0; i < 40; i++) await app.inject(`/thing/${i}`);
  const row = page.locator('#routes tr', { hasText: 'GET /thing/:id' });
  await row.getByRole('cell', { name: '40', exact: true }).waitFor();
  const max = (await metrics.health()).postgres.connections?.max;
  t.match(await figure(page, 'postgres', 'Connections').textContent(), new RegExp(`^\\d+ / ${max}$`));
  await page.locator('#statements').getByRole('row').nth(1).waitFor();
  t.ok((await page.locator('.plot canvas').count()) >= 6, 'the curves are drawn');

  await page.reload();
  await page.getByRole('status').getByText('All is well').waitFor();
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await page.getByLabel('Token').waitFor();
  t.equal(await page.evaluate('sessionStorage.length'), 0);
});

t.test('asks for the token, and shows why one is refused', async () => {
  const page = await openPage('/');
  await page.getByLabel('Token').fill(await metrics.token('authenticated'));
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('may not use the performance API').waitFor();
  await page.getByLabel('Token').fill(await metrics.token('ops'));
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('All is well').waitFor();
});

t.test('fits into 400 pixels', async (t) => {
  const page = await openPage(`/#token=${await metrics.token('ops')}`, 400);
  await page.locator('#instances').waitFor();
  t.equal(await page.evaluate('document.documentElement.scrollWidth'), 400);
});

t.test('shows problems and a lost connection, and reconnects by itself', async (t) => {
  const page = await openPage(`/#token=${await metrics.token('ops')}`);
  await page.getByRole('status').getByText('All is well').waitFor();
  gateway.stop();
  const problem = page.locator('.reasons li.down');
  await problem.getByText(/^Gateway-t .* has been silent/).waitFor();
  await problem.getByText('1 consequence').click();
  await problem.getByText('No gateway reports itself').waitFor();
  await page.locator('#instances tr.bad', { hasText: 'gateway-t' }).getByText('lost, silent for').waitFor();

  const { port } = new URL(metrics.url);
  await metrics.stop();
  await page.getByRole('alert').getByText('The connection to the metrics service is lost').waitFor();
  await page.getByRole('status').getByText('Unknown').waitFor();
  await useMetrics(t, servers, { PORT: port });
  await page.locator('.connection.live').waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

t.test('causes no errors and no requests to other hosts', async (t) => {
  t.same(complaints, []);
});
