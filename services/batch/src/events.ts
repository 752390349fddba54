import type { Priority } from '@tidemark/contracts';
import type { Level, SharedEvent } from '@tidemark/service';

export type BatchOwnEvent =
  | { type: 'job.snapshot_lost'; job: string; restarts: number }
  | { type: 'job.planned'; job: string; items: number; chunks: number; ms: number }
  | { type: 'job.not_expanded'; job: string; name: string; error: Error }
  | { type: 'job.refused'; job: string; code: string; error: Error }
  | { type: 'job.finished'; job: string; state: string; done: number; failed: number }
  | { type: 'job.plan_failed'; job: string; error: Error }
  | { type: 'job.replanned'; job: string }
  | { type: 'job.cancelled'; job: string; chunks: number }
  | { type: 'job.waits'; job: string; kind: string; waits: string }
  | { type: 'chunk.done'; job: string; chunk: number; done: number; failed: number; ms: number }
  | { type: 'chunk.discarded'; job: string; chunk: number; attempt: number }
  | { type: 'chunk.fault'; job: string; chunk: number; attempt: number; error: Error }
  | { type: 'chunk.failed'; job: string; chunk: number; attempt: number; losses: number }
  | { type: 'chunk.lost'; job: string; chunk: number; attempt: number; losses: number }
  | { type: 'chunk.postponed'; job: string; items: number; reason: string }
  | { type: 'chunk.republished'; job: string; chunk: number; attempt: number }
  | { type: 'chunk.handed_back'; job: string; chunk: number }
  | { type: 'item.done'; ms: number }
  | { type: 'item.failed'; job: string; index: number; code: string; detail?: string }
  | { type: 'item.retried'; job: string; index: number; code: string; detail?: string }
  | { type: 'worker.timeout'; ms: number }
  | { type: 'worker.crashed'; how: string }
  | { type: 'worker.not_started'; how: string }
  | { type: 'queue.spare_message' }
  | { type: 'queue.invalid_message'; subject: string; problem: string }
  | { type: 'queue.publish_failed'; priority: Priority; error: Error }
  | { type: 'queue.pull_failed'; error: Error }
  | { type: 'schedule.started'; schedule: string; name: string; dueAt: Date; job: string }
  | { type: 'schedule.skipped'; schedule: string; name: string; dueAt: Date; state: string }
  | { type: 'schedule.refused'; schedule: string; name: string; dueAt: Date; code: string; error: Error }
  | { type: 'store.full' }
  | { type: 'store.has_space' }
  | { type: 'jobs.deleted'; jobs: number }
  | { type: 'leases.not_renewed'; problem: string }
  | { type: 'runner.failed'; error: Error }
  | { type: 'sweep.failed'; step: string; error: Error }
  | { type: 'progress.failed'; error: Error };

export type BatchEvent = BatchOwnEvent | SharedEvent;

export const eventLevels: Readonly<Record<BatchOwnEvent['type'], Level | undefined>> = {
  'job.planned': 'info',
  'job.not_expanded': 'warn',
  'job.refused': 'info',
  'job.finished': 'info',
  'job.plan_failed': 'warn',
  'job.replanned': 'warn',
  'job.cancelled': 'info',
  'job.waits': 'warn',
  'job.snapshot_lost': 'warn',
  'chunk.done': 'debug',
  'chunk.discarded': 'info',
  'chunk.fault': 'warn',
  'chunk.failed': 'error',
  'chunk.lost': 'warn',
  'chunk.postponed': 'warn',
  'chunk.republished': 'info',
  'chunk.handed_back': 'info',
  'item.done': undefined,
  'item.failed': 'debug',
  'item.retried': 'info',
  'worker.timeout': 'warn',
  'worker.crashed': 'warn',
  'worker.not_started': 'error',
  'queue.spare_message': 'debug',
  'queue.invalid_message': 'warn',
  'queue.publish_failed': 'warn',
  'queue.pull_failed': 'warn',
  'schedule.started': 'info',
  'schedule.skipped': 'info',
  'schedule.refused': 'warn',
  'store.full': 'error',
  'store.has_space': 'info',
  'jobs.deleted': 'info',
  'leases.not_renewed': 'warn',
  'runner.failed': 'error',
  'sweep.failed': 'warn',
  'progress.failed': 'warn',
};
