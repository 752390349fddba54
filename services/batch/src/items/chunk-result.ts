import type { NewFile } from '@tidemark/files';
import { cutText } from '../cut-text.ts';
import type { PlannedItem } from '../jobs/plan-page.ts';
import type { StoredFile } from '../kinds/job-kind.ts';
import type { Failure, ReadyItem, Success } from '../workers/protocol.ts';
import { retryDelayMs } from './retry-delay.ts';
import { timeOrderedId } from './time-ordered-id.ts';

export interface ItemRow {
  index: number;
  state: 'succeeded' | 'failed' | 'waiting';
  attempts: number;
  input?: unknown;
  /** JSON text. */
  value?: string;
  /** Ids in tidemark.files. */
  files?: string[];
  code?: string;
  error?: { message: string; hint: string | null };
  duration_ms?: number | null;
  /** It failed after all its attempts. */
  dead_letter?: boolean;
}

export interface ResultFile extends Omit<NewFile, 'owner' | 'jobId'> {
  id: string;
  item: ReadyItem;
}

export interface Retry {
  items: PlannedItem[];
  /** 'target': until the target of the chunk may be called again. */
  delayMs: number | 'target';
  /** Another one than that of the chunk. */
  target?: string | null;
}

export interface ChunkResult {
  done: number;
  failed: number;
  rows: ItemRow[];
  files: ResultFile[];
  retries: Retry[];
  /** Says whether its target refused it, if it was called; `retryAfterMs` is the delay that it asked for. */
  target?: { refused: false } | { refused: true; retryAfterMs: number | null };
  /** Mean ms of the items that ran; undefined when none did. */
  itemMs?: number;
}

export interface ResultBuilder {
  succeed(item: PlannedItem, ready: ReadyItem, success: Success, durationMs: number): void;
  /** @param trace the `traceparent` of this attempt */
  fail(item: PlannedItem, failure: Failure, durationMs: number | null, trace?: string): boolean;
  /** The environment failed: these items run again without losing an attempt. */
  postpone(items: PlannedItem[], delayMs: Retry['delayMs']): void;
  readonly result: ChunkResult;
}

const MAX_MESSAGE = 500;
const MAX_CODE = 64;

export function createResult(job: string, keepsSuccesses: boolean, maxAttempts: number): ResultBuilder {
  const result: ChunkResult = { done: 0, failed: 0, rows: [], files: [], retries: [] };
  /** Items with the same number of attempts and the same delay run again together. */
  const groups = new Map<string, Retry>();

  function retry(item: PlannedItem, retryAfterMs: number | undefined): void {
    const { attempts } = item;
    const key = `${attempts} ${retryAfterMs}`;
    let group = groups.get(key);
    if (!group) {
      group = { items: [], delayMs: retryDelayMs(attempts, retryAfterMs) };
      groups.set(key, group);
      result.retries.push(group);
    }
    group.items.push(item);
  }

  return {
    result,
    succeed(item, ready, success, duration_ms) {
      result.done += 1;
      const files = success.files.map((file, n) => toFile(job, ready, file, n));
      result.files.push(...files);
      const attempts = item.attempts + 1;
      // An item that was tried before already has a row, which must be replaced.
      if (!keepsSuccesses && item.attempts === 0) return;
      const { index, input } = item;
      const row: ItemRow = { index, state: 'succeeded', attempts, input, value: success.value, duration_ms };
      if (files.length > 0) row.files = files.map(({ id }) => id);
      result.rows.push(row);
    },
    fail(item, failure, duration_ms, trace) {
      const attempts = item.attempts + 1;
      // Without a target to wait for, a refusal is an attempt.
      const mayPass = failure.next === 'retry' || failure.next === 'throttle';
      const isFinal = !mayPass || attempts >= maxAttempts;
      // An item that ends its processes was tried in two.
      const dead_letter = isFinal && (mayPass || failure.code === 'BATCH_ITEM_LOST');
      if (isFinal) result.failed += 1;
      else retry({ ...item, attempts, ...(trace !== undefined && { trace }) }, failure.retryAfterMs);
      const { index, input } = item;
      const error = { message: cutText(failure.message, MAX_MESSAGE), hint: failure.hint };
      const code = cutText(failure.code, MAX_CODE);
      result.rows.push({
        index,
        state: isFinal ? 'failed' : 'waiting',
        attempts,
        input,
        code,
        error,
        duration_ms,
        dead_letter,
        ...(failure.value !== undefined && { value: failure.value }),
      });
      return isFinal;
    },
    postpone(items, delayMs) {
      result.retries.push({ items, delayMs });
    },
  };
}

/** The paths of a job's outputs sort as its items do, so that they are listed in this order, and appended to their indexes. */
const INDEX_DIGITS = 6;

function toFile(job: string, item: ReadyItem, file: StoredFile, n: number): ResultFile {
  const { key: storageKey, sha256, size, contentType, extension, metadata } = file;
  const stem = file.name ?? (item.name.replace(/\.[^.]{1,8}$/, '') || item.name);
  const number = n === 0 ? '' : `-${n}`;
  const index = String(item.index).padStart(INDEX_DIGITS, '0');
  const path = `jobs/${job}/${index}-${stem}${number}.${extension}`;
  return { id: timeOrderedId(), item, path, contentType, size, sha256, storageKey, metadata };
}
