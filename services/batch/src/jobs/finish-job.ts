import { TidemarkError } from '@tidemark/contracts';
import type { Transaction } from '@tidemark/db';
import type { JobKind } from '../kinds/job-kind.ts';
import { jobStatements } from './job-statements.ts';

export type FinishCall = (tx: Transaction, counts: { done: number; failed: number }) => Promise<void>;

const TAKE_IDENTITY = `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`;
const SERVICE_AGAIN = `select set_config('role', 'none', true), set_config('request.jwt.claims', '', true)`;

/** `finish` cannot be done, now or later: the job ends without it. */
export class FinishError extends Error {
  constructor(cause: unknown) {
    super('the finish of the kind failed', { cause });
    this.name = 'FinishError';
  }
}

/** Runs with the job's rights, in the transaction that ends the job. */
export async function runFinish(
  tx: Transaction,
  kind: JobKind,
  { job, role }: { job: string; role: string },
  counts: { done: number; failed: number },
): Promise<void> {
  const [request] = await tx.query(jobStatements.request, [job]);
  try {
    await tx.query(TAKE_IDENTITY, [role, request?.claims ?? '{}']);
    await kind.finish?.(tx, { id: job, spec: request?.spec, ...counts });
  } catch (error) {
    // A shortage of the database is temporary, so the job is ended later.
    throw error instanceof TidemarkError && error.status >= 500 ? error : new FinishError(error);
  }
  await tx.query(SERVICE_AGAIN);
}
