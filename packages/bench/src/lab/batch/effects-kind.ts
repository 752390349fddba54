/**
 * A kind for BATCH_KINDS: each item makes a file and a value that name its index, and `finish` adds a row. One item may end
 * its process, and one may allocate until it is killed.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { countedItems } from '../../batch/counted-items.ts';

interface Spec {
  readonly items: number;
  readonly itemMs?: number;
  readonly segfault?: number;
  readonly allocate?: number;
}

interface Statements {
  query(text: string, params: unknown[]): Promise<unknown>;
}

const ALLOCATED_BYTES = 32 * 1024 ** 2;

export default {
  ...countedItems,
  name: 'lab.effects',
  spec: { type: 'object', required: ['items'] },
  item: { input: 'value', keepsSuccesses: true },
  async run({ index }: { index: number }, { spec }: { spec: Spec }) {
    if (spec.itemMs) await pause(spec.itemMs);
    if (index === spec.segfault) process.kill(process.pid, 'SIGSEGV');
    if (index === spec.allocate) await allocate();
    const bytes = Buffer.from(contentOf(index));
    return { value: { index }, files: [{ bytes, contentType: 'text/plain', extension: 'txt', metadata: { index } }] };
  },
  async finish(tx: Statements, { id, done, failed }: { id: string; done: number; failed: number }) {
    await tx.query('insert into public.lab_finishes (job_id, done, failed) values ($1, $2, $3)', [id, done, failed]);
  },
};

export const contentOf = (index: number) => `item ${index}\n`;

async function allocate(): Promise<never> {
  const kept: Buffer[] = [];
  for (;;) {
    kept.push(Buffer.alloc(ALLOCATED_BYTES, 1));
    await pause(20);
  }
}
