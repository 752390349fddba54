/** Some files are several items, such as the pages of a document. A worker process looks into them when the job is planned. */
import type { Identity } from '@tidemark/db';
import type { FileRegistry, FileStore } from '@tidemark/files';
import type { BatchEvent } from '../events.ts';
import type { FileInput, JobKind } from '../kinds/job-kind.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';

interface ExpanderOptions {
  registry: FileRegistry;
  store: FileStore;
  workers: Pick<WorkerPool, 'run'>;
  observe: (event: BatchEvent) => void;
}

interface ExpandedJob {
  id: string;
  spec: unknown;
  identity: Identity;
}

/** Inputs that do not expand stay as they are, also those whose file cannot be read: their items fail by name. */
export type ExpandInputs = (kind: JobKind, job: ExpandedJob, inputs: readonly unknown[]) => Promise<unknown[]>;

/** Files of a page of the plan, each with up to some thousand items: bounds the memory and the time of planning. */
export const EXPANDED_FILES = 8;
/** The time for one file, from when its worker process has started. */
const EXPAND_MS = 15_000;
/** The time for all files of a page, which is less than the lease of the page. */
const PAGE_MS = 40_000;
const HEAD_BYTES = 1_024;

export function createExpander({ registry, store, workers, observe }: ExpanderOptions): ExpandInputs {
  async function headOf(key: string): Promise<Buffer> {
    const { size } = (await store.stat(key)) ?? { size: 0 };
    if (size === 0) return Buffer.alloc(0);
    const { stream } = await store.open(key, { start: 0, end: Math.min(size, HEAD_BYTES) - 1 });
    return Buffer.concat(await stream.toArray());
  }

  async function expand(
    kind: JobKind,
    { id, spec }: ExpandedJob,
    input: FileInput,
    key: string,
    leftMs: number,
  ): Promise<unknown[]> {
    const { applies, step } = kind.expands!;
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)));
    try {
      if (!applies(await headOf(key))) return [input];
      const item = { index: 0, input, name: input.name, key, owner: null };
      const task = { job: id, kind: kind.name, spec, item, step: { name: step, given: null } };
      const outcome = await workers.run(task, EXPAND_MS, signal);
      return 'failure' in outcome ? [input] : (outcome.output as unknown[]);
    } catch (error) {
      observe({ type: 'job.not_expanded', job: id, name: input.name, error: error as Error });
      return [input];
    }
  }

  return async (kind, job, inputs) => {
    if (!kind.expands) return [...inputs];
    const files = inputs as readonly FileInput[];
    const rows = await registry.findMany(job.identity, [...new Set(files.map(({ file }) => file))]);
    const keys = new Map(rows.map((row) => [row.id, row.storage_key]));
    const deadline = performance.now() + PAGE_MS;
    const expanded: unknown[] = [];
    for (const input of files) {
      const key = keys.get(input.file);
      expanded.push(
        ...(key === undefined ? [input] : await expand(kind, job, input, key, deadline - performance.now())),
      );
    }
    return expanded;
  };
}
