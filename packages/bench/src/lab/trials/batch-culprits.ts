/** Two items among many end the process that runs them: one by a signal, one by taking memory without end. */
import { startEffectsJob } from '../batch/effects-job.ts';
import { equal, type Finding, type Trial } from '../trial.ts';

const ITEMS = { quick: 1_000, full: 10_000 };
const ENDS_WITHIN_MS = { quick: 90_000, full: 300_000 };
const CHILD_BYTES = 400 * 1024 ** 2;

export const batchCulprits: Trial = {
  name: 'batch-culprits',
  claim: 'an item that crashes its process and one that allocates until it is killed fail, and no other item does',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const items = ITEMS[mode];
    const segfault = Math.round(items * 0.2);
    const allocate = Math.round(items * 0.6);
    const job = await startEffectsJob(context, {
      instances: 1,
      env: {
        BATCH_LEASE_MS: '1000',
        BATCH_CHILD_BYTES: String(CHILD_BYTES),
      },
      spec: { items, segfault, allocate },
    });
    await job.ended(ENDS_WITHIN_MS[mode]);
    const [instance] = job.instances;
    const failed = await job.stack.primary.query<{ index: number; code: string; message: string }>(
      `select index, code, error ->> 'message' as message from tidemark.job_items where state = 'failed' order by index`,
    );
    for (const { index, code, message } of failed) context.log(`item ${index}: ${code}: ${message}`);
    return [
      equal('starts of the instance', 1, instance?.starts() ?? 0),
      failure('the item that raises SIGSEGV', segfault, /SIGSEGV, with \d{2,} MB/, failed),
      failure('the item that allocates', allocate, /SIGKILL, with \d{3,} MB/, failed),
      ...(await job.check(2)),
    ];
  },
};

function failure(
  what: string,
  index: number,
  pattern: RegExp,
  failed: readonly { index: number; message: string }[],
): Finding {
  const message = failed.find((one) => one.index === index)?.message ?? 'it did not fail';
  return { what, expected: String(pattern), got: message, ok: pattern.test(message) };
}
