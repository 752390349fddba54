/** Reads `/metrics` of a service that a test has started with METRICS_ENV in its environment. */

const TOKEN = 'token-for-metrics-in-tests';

/** Renders the page for each request, since a test waits for a value that has just changed. */
export const METRICS_ENV = { METRICS_TOKEN: TOKEN, METRICS_CACHE_MS: '0' } as const;

/** Returns the text of `/metrics`. @param url of the service, http:// or ws:// */
export async function metricsPage(url: string): Promise<string> {
  const answer = await fetch(`${url.replace(/^ws/, 'http')}/metrics`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${text}`);
  return text;
}
