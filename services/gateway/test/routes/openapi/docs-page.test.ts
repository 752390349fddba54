/** The page at /docs in a real browser: it works under its policy, and a token shows more. */
import { launchChromium } from '@tidemark/testing/browser';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const gateway = await useGateway(t);

t.test('/docs shows the routes of the role in a browser, without requests to other hosts', async (t) => {
  const browser = await launchChromium();
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(gateway.url) && !/^(?:data|blob):/.test(request.url())) problems.push(request.url());
  });
  await page.goto(`${gateway.url}/docs`);
  await page.waitForSelector('.opblock-tag');
  const post = page.locator('[data-path="/rest/v1/jobs"]');
  const tags = () => page.locator('.opblock-tag').allInnerTexts();
  t.ok((await tags()).some((text) => text.startsWith('tidemark')));
  await page.locator('.opblock-tag', { hasText: 'tidemark' }).click();
  await page.locator('[data-path="/rest/v1/files"]').first().waitFor();
  t.equal(await post.count(), 0, 'the anonymous role has no right to jobs');
  await page.fill('#token', await gateway.token({ role: 'authenticated', sub: 'ada' }));
  await page.click('#identity button');
  // The token is kept for the tab.
  await page.goto('about:blank');
  await page.goto(`${gateway.url}/docs`);
  await page.locator('.opblock-tag', { hasText: 'tidemark' }).click();
  await post.first().waitFor();
  t.same(problems, []);
});
