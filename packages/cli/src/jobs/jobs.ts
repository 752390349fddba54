/** `tidemark jobs …`: jobs by the HTTP API, with the rights of a token. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Jobs, TimedJob } from '@tidemark/client';
import { errors } from '../errors.ts';
import { counts, duration, progressLine, rate } from './bar.ts';
import { printTable, shortTime } from './table.ts';

export interface JobsOptions {
  readonly jobs: Jobs;
  readonly print: (line: string) => void;
  /** Replaces the line that it wrote before; absent where the output is no terminal. */
  readonly redraw?: ((line: string) => void) | undefined;
}

/** Longer than a request takes, and short enough to look alive. */
const LOOK_MS = 500;
const SHOWN_FAILURES = 10;

export async function listJobs({ jobs, print }: JobsOptions): Promise<number> {
  const rows = (await jobs.list()).map((job) => [
    job.id,
    job.kind,
    job.state,
    counts(job),
    job.failed > 0 ? `${job.failed} failed` : '',
    shortTime(job.created_at),
  ]);
  if (rows.length === 0) print('no jobs');
  printTable(rows, print);
  return 0;
}

export async function showJob({ jobs, print }: JobsOptions, id: string): Promise<number> {
  const job = await jobs.get(id);
  const lines: [string, string | null][] = [
    ['job', job.id],
    ['kind', job.kind],
    ['state', job.state],
    ['waits for', job.waits_for],
    ['items', `${counts(job)}, ${job.failed} failed`],
    ['waited', job.wait_seconds === null ? null : duration(job.wait_seconds)],
    ['ran', job.run_seconds === null ? null : duration(job.run_seconds)],
    ['rate', job.rate === null ? null : `${rate(job.rate)} items/s`],
    ['eta', job.eta],
    ['deadline', job.deadline],
    ['spec', JSON.stringify(job.spec)],
    ['error', errorText(job)],
  ];
  for (const [name, text] of lines) if (text !== null) print(`${name.padEnd(10)} ${text}`);
  await printFailures({ jobs, print }, job);
  return 0;
}

/** Resolves to 0 when the job has succeeded, else to 1. */
export async function watchJob({ jobs, print, redraw }: JobsOptions, id: string): Promise<number> {
  for (let before = ''; ; await pause(LOOK_MS)) {
    const job = await jobs.get(id);
    const line = progressLine(job, Date.now());
    const isOver = job.finished_at !== null;
    if (redraw && !isOver) redraw(line);
    else if (isOver || line !== before) print(line);
    before = line;
    if (!isOver) continue;
    const error = errorText(job);
    if (error !== null) print(error);
    await printFailures({ jobs, print }, job);
    return job.state === 'succeeded' ? 0 : 1;
  }
}

export async function changeJob(
  { jobs, print }: JobsOptions,
  action: 'cancel' | 'pause' | 'resume' | 'retry',
  id: string,
  code: string | undefined,
): Promise<number> {
  const job = action === 'retry' ? await jobs.retry(id, code === undefined ? {} : { code }) : await jobs[action](id);
  print(`${job.id} is ${job.state}: ${counts(job)}`);
  return 0;
}

async function printFailures({ jobs, print }: JobsOptions, { id, failed }: TimedJob): Promise<void> {
  if (failed === 0) return;
  for (const { code, count, sample } of (await jobs.failureCounts(id)).slice(0, SHOWN_FAILURES)) {
    print(`${String(count).padStart(10)} × ${code}, such as item ${sample.index}: ${sample.message}`);
  }
  print(`Run them again: npx --no -- tidemark jobs retry ${id}`);
}

function errorText({ error }: TimedJob): string | null {
  if (error === null || typeof error !== 'object') return null;
  const { code, message, hint } = error as { code?: string; message?: string; hint?: string | null };
  return `${code}: ${message}${hint ? `\n  → ${hint}` : ''}`;
}

export function jobsUsage(words: readonly string[]): Error {
  return errors.USAGE({
    reason: `jobs takes list, or show, watch, cancel, pause, resume or retry with the id of a job, not "${words.join(' ')}"`,
  });
}
