/** A message says that a chunk may be taken; which one is decided by whose turn it is. */
import type { Delivery } from '@tidemark/bus';
import { type Priority, WorkMessage } from '@tidemark/contracts';
import { Compile } from 'typebox/compile';
import type { BatchEvent } from '../events.ts';
import type { ChunkQueue } from '../queue/chunk-queue.ts';
import { pullOrder } from '../queue/pull-order.ts';

export interface RunnerOptions {
  queue: ChunkQueue;
  /** Returns false when nothing may start here now. */
  handle: (priorities: readonly Priority[], delivery: Delivery) => Promise<boolean>;
  slots: number;
  mayTake: () => boolean;
  observe: (event: BatchEvent) => void;
}

export interface Runner {
  wake(): void;
  inFlight(): number;
  problem(): string | undefined;
  /** Chunks in flight may still run when this resolves. */
  stop(): Promise<void>;
  idle(): Promise<void>;
}

/** ms between checks without a wake-up, in case one is lost. */
const LOOK_MS = 1_000;
/** A message is announced a moment before it can be pulled, so that a wake-up that finds none looks again. */
const LOOK_AGAIN_MS = 20;
const RETRY_MS = 500;

const validator = Compile(WorkMessage);

export function startRunner(options: RunnerOptions): Runner {
  const { queue, handle, slots, observe } = options;
  const running = new Set<Promise<void>>();
  let stopped = false;
  let pulls = 0;
  let problem: string | undefined;
  let woken = false;
  /** Nothing may start until a chunk ends or another one is published. */
  let full = false;
  let wakeUp: (() => void) | undefined;

  const wake = () => {
    woken = true;
    wakeUp?.();
  };

  /** A wake-up between two calls ends the next one. Returns whether a wake-up ended it. */
  async function sleep(ms: number): Promise<boolean> {
    if (!woken && !stopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wakeUp = undefined;
    }
    const wasWoken = woken;
    woken = false;
    return wasWoken;
  }

  async function next(priorities: readonly Priority[]): Promise<Delivery | undefined> {
    for (const priority of priorities) {
      const delivery = await queue.pull(priority);
      if (delivery) {
        pulls += 1;
        return delivery;
      }
    }
    return undefined;
  }

  function start(priorities: readonly Priority[], delivery: Delivery): void {
    if (!isValid(delivery)) return;
    const run = handle(priorities, delivery)
      .catch((error: Error) => {
        observe({ type: 'runner.failed', error });
        return true;
      })
      .then((isTaken) => {
        running.delete(run);
        full = !isTaken;
        if (isTaken) wake();
      });
    running.add(run);
  }

  function isValid(delivery: Delivery): boolean {
    let message: unknown;
    try {
      message = JSON.parse(new TextDecoder().decode(delivery.data));
    } catch {
      // The message is refused below.
    }
    if (validator.Check(message)) return true;
    delivery.term();
    observe({ type: 'queue.invalid_message', subject: delivery.subject, problem: 'it is not a WorkMessage' });
    return false;
  }

  async function loop(): Promise<void> {
    let wasWoken = false;
    while (!stopped) {
      if (running.size >= slots || full || !options.mayTake()) {
        wasWoken = await sleep(LOOK_MS);
        full = false;
        continue;
      }
      try {
        const priorities = pullOrder(pulls);
        const delivery = await next(priorities);
        problem = undefined;
        if (delivery && stopped) delivery.nak(0);
        else if (delivery) start(priorities, delivery);
        else wasWoken = await sleep(wasWoken ? LOOK_AGAIN_MS : LOOK_MS);
      } catch (error) {
        problem = (error as Error).message;
        observe({ type: 'queue.pull_failed', error: error as Error });
        await sleep(RETRY_MS);
        if (!stopped)
          await queue.ensure().catch((again: Error) => observe({ type: 'queue.pull_failed', error: again }));
      }
    }
  }

  const looping = loop();
  return {
    wake,
    inFlight: () => running.size,
    problem: () => problem,
    async stop() {
      stopped = true;
      wake();
      await looping;
    },
    async idle() {
      await Promise.all(running);
    },
  };
}
