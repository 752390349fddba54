/** Dashboards that many look at while somebody writes: answers come from the cache, and none is older than it says. */
import type { TidemarkClient } from '@tidemark/client';
import { type Claim, holds, speed } from '../claim.ts';
import { ms, percent, Times } from '../figures.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { member } from './people.ts';

const READERS = 20;
const WRITE_EACH_MS = 1_000;
const HITS = 0.9;

interface Answer {
  tidemark: string;
  count: number;
}

export async function playCachedDashboards(stage: Stage, owner: TidemarkClient, corpus: number): Promise<Claim[]> {
  const forMs = stage.size(15_000, 5_000);
  stage.say(`${READERS} readers look at dashboards of the corpus while records are added`);
  const token = await stage.token('authenticated', `dashboard-${stage.run}`, member('reader').claims);
  const paths = [
    `/rest/v1/records?corpus_id=eq.${corpus}&kind=eq.tool&select=count()`,
    `/rest/v1/records?corpus_id=eq.${corpus}&kind=eq.tool&select=kind,count(),tokens.max()`,
  ];
  const read = async (path: string) => {
    const answer = await stage.request(token, path, { headers: { 'accept-profile': 'corpus' } });
    const [row] = (await answer.json()) as { count: number | string }[];
    const { headers } = answer;
    return {
      tidemark: headers.get('tidemark') ?? '',
      count: Number(row?.count ?? 0),
      isHit: headers.get('tidemark-source') === 'cache',
    };
  };
  const base = (await read(paths[0] as string)).count;
  const reading = new Times();
  const answers: Answer[] = [];
  const written: string[] = [];
  const began = performance.now();
  const isOver = () => performance.now() - began >= forMs;
  let hits = 0;
  let unseen = 0;
  const write = async () => {
    while (!isOver()) {
      await new Promise((resolve) => setTimeout(resolve, WRITE_EACH_MS));
      const record = {
        workspace_id: 1,
        corpus_id: corpus,
        number: written.length,
        kind: 'tool',
        prompt: 'a',
        answer: 'b',
        tokens: 12,
      };
      await rowsOf(owner.from('records').insert(record));
      written.push(owner.tidemark ?? '');
      // The writer's own next read has the record, from wherever it is answered.
      const { data } = await owner.from('records').select('count()').eq('corpus_id', corpus).eq('kind', 'tool');
      const [row] = (data ?? []) as unknown as { count: number | string }[];
      if (Number(row?.count) < base + written.length) unseen += 1;
    }
  };
  const look = async (n: number) => {
    for (let turn = 0; !isOver(); turn += 1) {
      const { isHit, ...answer } = await reading.of(() => read(paths[(n + turn) % paths.length] as string));
      if (isHit) hits += 1;
      answers.push(answer);
      stage.draw(
        'ms of reading',
        Math.round(performance.now() - began),
        forMs,
        () => `${percent(hits / reading.count)} from the cache`,
      );
    }
  };
  await Promise.all([write(), ...Array.from({ length: READERS }, (_, n) => look(n))]);
  // An answer has at least the records whose tidemark is not after its own. Tidemarks sort as text.
  const stale = answers.filter(({ tidemark, count }) => count < base + written.filter((one) => one <= tidemark).length);
  return [
    speed(
      `more than ${percent(HITS)} of the dashboards come from the cache`,
      hits / reading.count > HITS,
      `${percent(hits / reading.count)} of ${reading.count} reads, p95 ${ms(reading.p95)}`,
    ),
    holds(
      'no dashboard is stale',
      stale.length === 0 && unseen === 0,
      `${stale.length} of ${answers.length} answers lack a record of their tidemark; ${unseen} of ${written.length} writers missed their own`,
    ),
    speed('a cached dashboard takes < 50 ms (p95)', reading.p95 < 50, ms(reading.p95)),
  ];
}
