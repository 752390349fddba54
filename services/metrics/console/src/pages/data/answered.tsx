/** The gateway's own answer to the same query: its tidemark, and who served it. */
import { useEffect, useState } from 'preact/hooks';
import type { Eyes } from '../../eyes/eyes.tsx';
import { GATEWAY, reasonOf, request } from '../../live/api.ts';
import { Facts } from '../../parts/facts.tsx';
import { format } from '../../quantities.tsx';

interface Heads {
  tidemark: string | null;
  source: string | null;
  cache: string | null;
  etag: string | null;
  ms: number;
  bytes: number;
}

export function Answered(props: { query: string; schema: string; eyes: Eyes; attempt: number }) {
  const { query, schema, eyes, attempt } = props;
  const [answer, setAnswer] = useState<{ heads?: Heads; problem?: string }>({});
  useEffect(() => {
    const stop = new AbortController();
    const ask = async () => {
      const from = performance.now();
      const headers = { 'accept-profile': schema };
      const response = await request(`${GATEWAY}rest/v1/${query}`, { token: eyes.token, headers, signal: stop.signal });
      const body = await response.text();
      const head = (name: string) => response.headers.get(name);
      setAnswer({
        heads: {
          tidemark: head('tidemark'),
          source: head('tidemark-source'),
          cache: head('cache-status'),
          etag: head('etag'),
          ms: performance.now() - from,
          bytes: body.length,
        },
      });
    };
    ask().catch((error: unknown) => {
      if (!stop.signal.aborted) setAnswer({ problem: reasonOf(error) });
    });
    return () => stop.abort();
  }, [query, schema, eyes.token, attempt]);
  if (answer.problem !== undefined) return <p class="problem">{answer.problem}</p>;
  const { heads } = answer;
  if (!heads) return <p class="empty">Asking …</p>;
  return (
    <Facts
      facts={[
        ['Tidemark', heads.tidemark && <code>{heads.tidemark}</code>],
        ['Served by', heads.source],
        ['Cache', heads.cache],
        ['Took', `${format(heads.ms, 'ms')} to this browser`],
        ['Size', format(heads.bytes, 'bytes')],
      ]}
    />
  );
}
