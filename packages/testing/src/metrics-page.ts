const TOKEN = 'token-for-metrics-in-tests';

/** No page is kept, since a test waits for a value that has just changed. */
export const METRICS_ENV = { METRICS_TOKEN: TOKEN, METRICS_CACHE_MS: '0' } as const;

export async function metricsPage(url: string): Promise<string> {
  const answer = await fetch(`${url.replace(/^ws/, 'http')}/metrics`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${text}`);
  return text;
}
