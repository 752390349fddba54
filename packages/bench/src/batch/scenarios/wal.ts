/** A job of many files that nobody watches: the WAL that it writes, and the messages of the relay. */
import { atMost, type Finding, none, type Trial } from '../../lab/trial.ts';
import { until } from '../../measuring/waiting.ts';
import { nameImages, storeImages } from '../image-files.ts';
import { type BatchServices, startBatchServices } from '../services.ts';

const FILES = { quick: 100, full: 10_000 };
/** A quick run writes few items, and whole pages of each index for them. */
const TARGET_BYTES = { quick: 100_000, full: 2_048 };

/** Progress is a message at most every 200 ms. */
const MOST_MESSAGES = { quick: 200, full: 1_000 };

export const wal: Trial = {
  name: 'wal',
  claim: 'a job of 10,000 files writes at most 2 KB of WAL an item, and no message for an item',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const services = await startBatchServices(context);
    const files = await storeImages(services.filesDir, [64]);
    const work = async (prefix: string, count: number) => {
      await nameImages(services, files, prefix, count);
      // The first reader of new rows marks them as committed, which is of their upload and not of the job.
      await services.stack.primary.query('vacuum tidemark.files, tidemark.file_contents');
      await services.stack.primary.query('checkpoint');
      const from = await position(services);
      const spec = { input: { prefix }, transform: { resize: { width: 32 }, format: 'jpeg' } };
      const job = await services.submit('image.transform', spec);
      await services.seconds(job, count);
      return { bytes: (await position(services)) - from };
    };
    await work('warm/', 50);
    const { bytes } = await work('in/', FILES[mode]);
    const messages = await relayed(services);
    context.log(JSON.stringify(messages));
    const jobsSubject = Object.keys(messages).find((subject) => subject.endsWith('.tidemark.jobs')) ?? '';
    // The relay's own subjects contain an @.
    const forItems = Object.entries(messages).filter(([subject]) => subject !== jobsSubject && !subject.includes('.@'));
    return [
      atMost('WAL an item', TARGET_BYTES[mode], Math.round(bytes / FILES[mode]), ' bytes'),
      none(
        'messages of other tables than jobs',
        forItems.reduce((sum, [, count]) => sum + count, 0),
        forItems.map(([subject]) => subject).join(', '),
      ),
      atMost('messages of jobs', MOST_MESSAGES[mode], messages[jobsSubject] ?? 0),
    ];
  },
};

async function position({ stack }: BatchServices): Promise<number> {
  const [row] = await stack.primary.query<{ at: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as at`,
  );
  return Number(row?.at);
}

/** Messages by their subject, when the relay has published all that was written. */
async function relayed({ stack }: BatchServices): Promise<Record<string, number>> {
  const { primary, nats } = stack;
  const [end] = await primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  await until('the relay to have published the job', async () => {
    const [row] = await primary.query<{ done: boolean }>(
      `select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where slot_type = 'logical'`,
      [end?.lsn ?? ''],
    );
    return row?.done ?? false;
  });
  const { streams } = await nats.request<{ streams: string[] | null }>('$JS.API.STREAM.NAMES');
  const changes = streams?.find((name) => name.endsWith('CHANGES'));
  const asked = JSON.stringify({ subjects_filter: '>' });
  const info = await nats.request<{ state: { subjects?: Record<string, number> } }>(
    `$JS.API.STREAM.INFO.${changes}`,
    asked,
  );
  return info.state.subjects ?? {};
}
