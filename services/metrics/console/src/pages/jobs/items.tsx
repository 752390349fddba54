/** The items of a job. Pages are fetched when they come into view; the document has only the rows in view. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Eyes, useEyes } from '../../eyes/eyes.tsx';
import { GATEWAY, reasonOf, request } from '../../live/api.ts';
import { VirtualRows } from '../../parts/virtual-rows.tsx';
import { format } from '../../quantities.tsx';
import { mayChangeJobs } from './controls.tsx';
import type { JobRow } from './job.ts';
import { Thumbnail } from './thumbnail.tsx';

interface Item {
  index: number;
  state: string;
  attempts: number;
  input: unknown;
  value: unknown;
  files: string[] | null;
  code: string | null;
  error: { message?: string } | null;
  duration_ms: number | null;
}

const PAGE = 200;
/** Pages of a job that goes on are read again after this time. */
const FRESH_MS = 3_000;
const MAX_PAGES = 20;

type Page = { items: Map<number, Item>; at: number };

function useItems(job: JobRow, eyes: Eyes) {
  const pages = useRef(new Map<number, Page>());
  const asking = useRef(new Set<number>());
  const stop = useRef<AbortController>(undefined);
  const [problem, setProblem] = useState<string>();
  const [, render] = useState(0);
  useEffect(() => {
    stop.current = new AbortController();
    pages.current.clear();
    asking.current.clear();
    render((n) => n + 1);
    return () => stop.current?.abort();
  }, [eyes.token]);

  async function load(page: number): Promise<void> {
    const known = pages.current.get(page);
    if (asking.current.has(page) || (known && (job.finished_at !== null || Date.now() - known.at < FRESH_MS))) return;
    asking.current.add(page);
    const query = new URLSearchParams({ limit: String(PAGE), ...(page > 0 && { after: String(page * PAGE - 1) }) });
    try {
      const url = `${GATEWAY}api/v1/jobs/${job.id}/items?${query}`;
      const response = await request(url, { token: eyes.token, signal: stop.current?.signal });
      const items = (await response.json()) as Item[];
      pages.current.delete(page);
      pages.current.set(page, { items: new Map(items.map((item) => [item.index, item])), at: Date.now() });
      const [oldest] = pages.current.keys();
      if (pages.current.size > MAX_PAGES && oldest !== undefined) pages.current.delete(oldest);
      setProblem(undefined);
    } catch (error) {
      if (!stop.current?.signal.aborted) setProblem(reasonOf(error));
    }
    asking.current.delete(page);
    render((n) => n + 1);
  }

  return {
    problem,
    item: (index: number) => pages.current.get(Math.floor(index / PAGE))?.items.get(index),
    show(first: number, last: number) {
      for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) void load(page);
    },
  };
}

export function Items({ job }: { job: JobRow }) {
  const eyes = useEyes();
  const items = useItems(job, eyes);
  const range = useRef<[number, number]>([0, 0]);
  const ended = job.done + job.failed;
  // Items that have ended since are read again.
  useEffect(() => items.show(...range.current), [ended, eyes.token]);
  if (!mayChangeJobs(eyes.role) || job.total === 0) return null;
  return (
    <section aria-label="Items">
      <h3>Items</h3>
      {items.problem && <p class="problem">{items.problem}</p>}
      <VirtualRows
        label="Items"
        count={job.total}
        rowHeight={32}
        maxHeight={384}
        keyOf={String}
        row={(index) => <ItemRow index={index} item={items.item(index)} eyes={eyes} />}
        onRange={(first, last) => {
          range.current = [first, last];
          items.show(first, last);
        }}
      />
    </section>
  );
}

function ItemRow({ index, item, eyes }: { index: number; item: Item | undefined; eyes: Eyes }) {
  const input = item?.input === undefined || item.input === null ? '' : JSON.stringify(item.input);
  return (
    <div class="item-row">
      <span class="number">{index}</span>
      <span class={`state ${item?.state ?? ''}`}>{item?.state ?? '…'}</span>
      <code title={input}>{input}</code>
      <span class={item?.code ? 'bad-text' : 'unit'}>
        {item?.code ? `${item.code} ${item.error?.message ?? ''}` : format(item?.duration_ms, 'ms')}
      </span>
      {item?.files?.[0] && <Thumbnail key={item.files[0]} file={item.files[0]} eyes={eyes} />}
    </div>
  );
}
