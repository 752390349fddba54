/** Takes no work while the file store is full: each item would be computed, fail to be stored, and be computed again. */
import { randomBytes } from 'node:crypto';
import type { FileStore } from '@tidemark/files';
import { every } from '@tidemark/service';
import type { Alerts } from '../alerts/alerts.ts';
import type { BatchEvent } from '../events.ts';

export interface StoreGate {
  isOpen(): boolean;
  /** A result could not be stored for lack of space. */
  full(): void;
  problem(): string | undefined;
  stop(): void;
}

export const STORE_FULL = 'FILES_DISK_FULL';
/** ms until postponed items may run again; the gate decides whether they do. */
export const FULL_DELAY_MS = 1_000;
const PROBE_MS = 1_000;
/** The space of an ordinary result: less would open the gate for items that fail again. */
const PROBE_BYTES = 1024 * 1024;
const KEY = 'batch file store full';
const PROBLEM = 'the file store is full, so that batch takes no work';

export interface StoreGateOptions {
  store: FileStore;
  alerts: Alerts;
  onOpen: () => void;
  observe: (event: BatchEvent) => void;
}

export function createStoreGate({ store, alerts, onOpen, observe }: StoreGateOptions): StoreGate {
  let isFull = false;
  const timer = every('space in the file store', PROBE_MS, probe, observe);

  async function probe(): Promise<void> {
    if (!isFull) return;
    try {
      const signal = AbortSignal.timeout(PROBE_MS * 3);
      // Random bytes are no file's content, which the deletion would remove.
      const { key } = await store.put(randomBytes(PROBE_BYTES), { limitBytes: PROBE_BYTES, signal });
      await store.delete(key);
    } catch {
      return; // It is still full, or cannot be reached at all: the next probe decides.
    }
    isFull = false;
    observe({ type: 'store.has_space' });
    alerts.resolve(KEY);
    onOpen();
  }

  return {
    isOpen: () => !isFull,
    full() {
      if (isFull) return;
      isFull = true;
      observe({ type: 'store.full' });
      alerts.tell(KEY, {
        severity: 'critical',
        message: PROBLEM,
        hint: 'Free space on the disk of TIDEMARK_FILES_DIR, or raise its quota. Work goes on by itself, and no item loses an attempt.',
      });
    },
    problem: () => (isFull ? PROBLEM : undefined),
    stop: timer.stop,
  };
}
