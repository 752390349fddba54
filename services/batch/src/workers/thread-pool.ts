/**
 * This is not piscina, because a task must know which thread ran it (to replace it after so many items), when a
 * terminated thread has really ended (its pixels are in memory until then), and that nothing waits beyond a limit.
 */
import type { TidemarkError } from '@tidemark/contracts';
import pTimeout from 'p-timeout';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { Admission } from './admission.ts';
import { startChildProcess } from './child-process.ts';
import type { Failure, Outcome, Task, WorkerData } from './protocol.ts';
import type { Thread } from './thread.ts';
import { startWorkerThread } from './worker-thread.ts';

export interface ThreadPoolOptions {
  file: URL;
  workerData: WorkerData;
  threads: number;
  /** Tasks that may wait for a thread; further ones are refused with BATCH_QUEUE_FULL. */
  waitingLimit: number;
  recycleAfterTasks: number;
  admission: Admission;
  maxChildBytes: number;
  observe: (event: BatchEvent) => void;
}

export interface ThreadPool {
  /** Rejects after the thread has ended (or is stuck). A task that waits for memory fails when `signal` is aborted. */
  run(task: Task, deadlineMs: number, signal: AbortSignal): Promise<Outcome>;
  runIsolated(task: Task, deadlineMs: number, signal: AbortSignal): Promise<Outcome>;
  busy(): number;
  waiting(): number;
  recycledTotal(): number;
  problem(): string | undefined;
  close(): Promise<void>;
}

/** ms after the deadline, at which sharp ends native work; then a decoder that ignores the timeout is abandoned. */
const STUCK_MS = 10_000;
/** ms for a child process to load Node and sharp before the time of its task starts. */
const CHILD_START_MS = 5_000;
/** ms before a thread that ended at its start (a broken installation) is replaced. */
const RESTART_DELAY_MS = 1_000;

export function createThreadPool(options: ThreadPoolOptions): ThreadPool {
  const { observe, threads, waitingLimit } = options;
  const all = new Set<Thread>();
  const children = new Set<Thread>();
  const idle: Thread[] = [];
  const queue: { resolve: (thread: Thread) => void; reject: (error: Error) => void }[] = [];
  const restarts = new Set<NodeJS.Timeout>();
  let recycled = 0;
  let stuck = 0;
  let closed = false;

  function add(): void {
    if (closed) return;
    const thread = startWorkerThread(options.file, options.workerData);
    all.add(thread);
    void thread.ended.then(() => onEnded(thread));
    offer(thread);
  }

  function onEnded(thread: Thread): void {
    all.delete(thread);
    const at = idle.indexOf(thread);
    if (at >= 0) idle.splice(at, 1);
    if (closed) return;
    recycled += 1;
    if (thread.tasks() > 0) {
      add();
      return;
    }
    observe({ type: 'thread.died_at_start' });
    const timer = setTimeout(() => {
      restarts.delete(timer);
      add();
    }, RESTART_DELAY_MS);
    restarts.add(timer);
  }

  function offer(thread: Thread): void {
    const waiter = queue.shift();
    if (waiter) waiter.resolve(thread);
    else idle.push(thread);
  }

  async function lease(): Promise<Thread> {
    if (closed) throw errors.STOPPING();
    const thread = idle.shift();
    if (thread) return thread;
    if (queue.length >= waitingLimit) throw errors.QUEUE_FULL({ waiting: queue.length });
    return new Promise((resolve, reject) => queue.push({ resolve, reject }));
  }

  async function retire(thread: Thread): Promise<void> {
    const ended = thread.end();
    const isStuck = await pTimeout(
      ended.then(() => false),
      { milliseconds: STUCK_MS, fallback: () => true },
    );
    if (!isStuck || closed) return;
    stuck += 1;
    observe({ type: 'thread.stuck', stuck });
    void ended.then(() => {
      stuck -= 1;
    });
  }

  for (let i = 0; i < threads; i += 1) add();

  return {
    async run(task, deadlineMs, signal) {
      const thread = await lease();
      const memory = createMemory(options.admission, signal);
      try {
        const ended = await thread.run(task, deadlineMs, (bytes) => memory.admit(task, bytes));
        if (ended.type === 'outcome') {
          if (thread.tasks() < options.recycleAfterTasks || closed) offer(thread);
          else void retire(thread);
          return ended.outcome;
        }
        if (closed) throw errors.STOPPING();
        const { name } = task.item;
        if (ended.type === 'crash') {
          observe({ type: 'thread.crashed', reason: ended.reason });
          throw errors.WORKER_CRASHED({ name });
        }
        observe({ type: 'thread.timeout', ms: deadlineMs });
        await retire(thread);
        throw errors.ITEM_TIMEOUT({ name, ms: deadlineMs });
      } finally {
        memory.giveBack();
      }
    },
    async runIsolated(task, deadlineMs, signal) {
      const child = startChildProcess(options.file, options.workerData, options.maxChildBytes);
      const memory = createMemory(options.admission, signal);
      children.add(child);
      try {
        const ended = await child.run(task, deadlineMs + CHILD_START_MS, (bytes) => memory.admit(task, bytes));
        if (ended.type === 'outcome') return ended.outcome;
        if (closed) throw errors.STOPPING();
        if (ended.type === 'crash') throw errors.ITEM_LOST({ losses: 2, how: ended.reason });
        throw errors.ITEM_TIMEOUT({ name: task.item.name, ms: deadlineMs });
      } finally {
        await child.end();
        children.delete(child);
        memory.giveBack();
      }
    },
    busy: () => all.size - idle.length,
    waiting: () => queue.length,
    recycledTotal: () => recycled,
    problem: () =>
      stuck > 0 ? `${stuck} of ${threads} threads are stuck in native code; restart the service` : undefined,
    async close() {
      closed = true;
      for (const timer of restarts) clearTimeout(timer);
      for (const { reject } of queue.splice(0)) reject(errors.STOPPING());
      await Promise.all([...all, ...children].map((thread) => thread.end()));
    },
  };
}

/** The memory is kept until the task's thread has finished or ended. */
function createMemory(admission: Admission, signal: AbortSignal) {
  let giveBack = () => {};
  return {
    async admit({ item: { name } }: Task, bytes: number): Promise<Failure | undefined> {
      const limit = admission.limitBytes;
      if (bytes > limit) return asFailure(errors.IMAGE_TOO_LARGE({ name, bytes, limit }));
      try {
        giveBack = await admission.admit(bytes, signal);
        return undefined;
      } catch {
        return asFailure(errors.STOPPING());
      }
    },
    giveBack: () => giveBack(),
  };
}

const asFailure = ({ code, message, hint }: TidemarkError): Failure => ({ code, message, hint, next: 'fail' });
