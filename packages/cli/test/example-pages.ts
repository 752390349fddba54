/** Uses the example pages in Chromium as a person would. */
import { join } from 'node:path';
import { until } from '@tidemark/testing';
import { launchChromium } from '@tidemark/testing/browser';
import type { Test } from 'tap';

type Browser = Awaited<ReturnType<typeof launchChromium>>;
type Page = Awaited<ReturnType<Browser['newPage']>>;

const PATIENCE_MS = 60_000;
const SIZES = [
  { width: 390, height: 844 },
  { width: 1_440, height: 900 },
];

interface Pages {
  readonly browser: Browser;
  readonly base: string;
  readonly token: string;
}

export async function usePages(t: Test, base: string, token: string): Promise<void> {
  const browser = await launchChromium();
  try {
    const pages = { browser, base, token };
    await matches(t, pages);
    await fleet(t, pages);
    await imaging(t, pages);
    await sync(t, pages);
    await corpus(t, pages);
  } finally {
    await browser.close();
  }
}

/** Opens a page and fails the test where it logs an error or is wider than a phone. */
async function open(t: Test, { browser, base, token }: Pages, name: string): Promise<Page> {
  const page = await browser.newPage({ viewport: SIZES[0] as { width: number; height: number } });
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => t.fail(`${name}: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') t.fail(`${name}: ${message.text()}`);
  });
  await page.goto(`${base}/examples/${name}/#token=${token}`);
  return page;
}

async function close(t: Test, page: Page, name: string): Promise<void> {
  t.notMatch(page.url(), /token/, `${name}: the token has left the address bar`);
  for (const size of SIZES) {
    await page.setViewportSize(size);
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    t.ok(overflow <= 0, `${name}: nothing is cut off at ${size.width} px`);
    if (!process.env.SHOTS) continue;
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: join(process.env.SHOTS, `${name}-${size.width}-${colorScheme}.png`),
        fullPage: true,
      });
    }
  }
  await page.close();
}

async function matches(t: Test, pages: Pages): Promise<void> {
  const sent: string[] = [];
  const page = await open(t, pages, 'matches');
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(String(payload))));
  await page.reload();
  await page.getByRole('button', { name: /–/ }).first().waitFor();
  await page.getByLabel('Entry').fill('A fine save from the example page');
  await page.getByRole('button', { name: 'Write' }).click();
  await page.getByText('A fine save from the example page').waitFor();
  const subscribes = sent.filter((frame) => frame.includes('"subscribe"') && frame.includes('commentary?'));
  t.equal(subscribes.length, 1, 'strict mode subscribes once');
  await close(t, page, 'matches');
}

async function fleet(t: Test, pages: Pages): Promise<void> {
  const page = await open(t, pages, 'fleet');
  await page.locator('circle').nth(20).waitFor({ state: 'attached' });
  await page.getByText(/vehicles, \d+ positions so far/).waitFor();
  await close(t, page, 'fleet');
}

async function imaging(t: Test, pages: Pages): Promise<void> {
  const page = await open(t, pages, 'imaging');
  await page.locator('#thumbs img[src]').nth(3).waitFor();
  await page.getByRole('button', { name: 'Find the objects' }).click();
  await page.locator('polygon').nth(2).waitFor({ state: 'attached' });
  const before = await page.locator('#thumbs img').count();
  const png = await page.locator('#picture').screenshot();
  await page.getByLabel('Image').setInputFiles({ name: 'shot.png', mimeType: 'image/png', buffer: png });
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.locator('#thumbs img[src]').nth(before).waitFor();
  await close(t, page, 'imaging');
}

async function sync(t: Test, pages: Pages): Promise<void> {
  const page = await open(t, pages, 'sync');
  const [phone, laptop] = ['Phone', 'Laptop'].map((name) => page.getByRole('region', { name })) as [
    ReturnType<Page['getByRole']>,
    ReturnType<Page['getByRole']>,
  ];
  const other = (await laptop.getByRole('combobox').inputValue()) === 'el' ? 'ja' : 'el';
  await phone.getByRole('combobox').selectOption(other);
  await until(async () => ((await laptop.getByRole('combobox').inputValue()) === other ? true : undefined));
  await phone.getByRole('button', { name: /Start a batch/ }).click();
  await laptop.getByText('Smaller copies, from the phone').first().waitFor();
  await laptop.getByText('300 of 300, succeeded').first().waitFor();
  await close(t, page, 'sync');
}

async function corpus(t: Test, pages: Pages): Promise<void> {
  const page = await open(t, pages, 'corpus');
  await page.getByLabel('Message').fill('A question from the example page');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#messages').getByText('A question from the example page').waitFor();
  await close(t, page, 'corpus');
}
