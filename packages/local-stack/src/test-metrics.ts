/** The figures of a service that a test has started with METRICS_ENV in its environment. */

const TOKEN = 'reads-the-figures-in-tests';

/** A page for each request: a test waits for a figure that has just changed. */
export const METRICS_ENV = { METRICS_TOKEN: TOKEN, METRICS_CACHE_MS: '0' } as const;

/** The text of `/metrics`. @param url of the service, also as ws:// */
export async function metricsPage(url: string): Promise<string> {
  const answer = await fetch(`${url.replace(/^ws/, 'http')}/metrics`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`/metrics answers ${answer.status}: ${text}`);
  return text;
}
