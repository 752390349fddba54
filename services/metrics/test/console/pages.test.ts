/** Every page in light and dark, wide and narrow: axe-core objects to nothing, and nothing is cut off. */
import axe from 'axe-core';
import t from 'tap';
import { PAGES } from '../../console/src/address/pages.ts';
import { CONSOLE_PAGES } from '../../src/routes/console.ts';
import { useConsole } from './console-fixture.ts';

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string }[];
}

const { metrics, open, complaints } = await useConsole(t);

t.test('the service serves each page of the console', async (t) => {
  t.same(
    PAGES.map(({ name }) => name).filter((name) => name !== ''),
    [...CONSOLE_PAGES],
  );
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1_440, 390]) {
    t.test(`${colorScheme} at ${width} px`, async (t) => {
      const page = await open('', { width, colorScheme });
      await page.getByText('Nothing is wrong.').waitFor();
      // Chromium's evaluate is not subject to the policy of the page.
      await page.evaluate(axe.source);
      for (const { name, title } of PAGES) {
        await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: title, exact: true }).click();
        await page.locator('main section, main .verdict').first().waitFor();
        t.equal(new URL(page.url()).pathname, `/console/${name}`);
        while ((await page.getByText('Loading …').count()) > 0) await page.waitForTimeout(50);
        t.equal(await page.evaluate('document.documentElement.scrollWidth'), width, `${title} fits the width`);
        const found = (await page.evaluate(
          "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
        )) as Violation[];
        const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        t.same(
          serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`),
          [],
          title,
        );
      }
      await page.context().close();
    });
  }
}

t.test('causes no errors and no requests to other hosts', async (t) => {
  t.same(complaints, []);
  t.equal((await metrics.health()).status, 'ok');
});
