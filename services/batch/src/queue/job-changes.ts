/**
 * What the WAL says about tidemark.jobs, for immediacy only: whoever inserts or cancels a job is heard at once. What
 * is missed here (relay down, messages gone) the sweeper finds within a second.
 */
import { setTimeout } from 'node:timers/promises';
import { type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import { type Bus, isMissingStream } from '@tidemark/bus';
import type { Envelope } from '@tidemark/contracts';
import type { BatchEvent } from '../events.ts';

export interface JobChangesOptions {
  bus: Bus;
  /** Some job is queued. */
  onQueued: () => void;
  onCancelled: (job: string) => void;
  observe: (event: BatchEvent) => void;
}

/** Time between attempts while the relay has not made the stream of changes yet, or it was lost. */
const RETRY_MS = 500;

export function followJobChanges(options: JobChangesOptions): { stop(): Promise<void> } {
  const { bus, observe } = options;
  let messages: ConsumerMessages | undefined;
  let lastProblem = '';
  const stopping = new AbortController();
  const { signal } = stopping;

  async function consume(): Promise<void> {
    // An ordered consumer: ephemeral, without acknowledgements, made anew by the client when it is lost.
    const consumer = await bus.js.consumers.get(bus.subjects.streams.changes, {
      filter_subjects: bus.subjects.changes('tidemark', 'jobs'),
      deliver_policy: DeliverPolicy.New,
    });
    const current = await consumer.consume({ max_messages: 100 });
    messages = current;
    lastProblem = '';
    if (signal.aborted) current.stop();
    for await (const message of current) {
      try {
        read(message.json<Envelope>());
      } catch (error) {
        observe({ type: 'queue.changes_failed', error: error as Error });
      }
    }
  }

  function read(envelope: Envelope): void {
    for (const { row } of envelope.changes) {
      if (row?.state === 'queued') options.onQueued();
      else if (row?.state === 'cancelled' && typeof row.id === 'string') options.onCancelled(row.id);
    }
  }

  /** That the relay has not made the stream yet is no fault; any other error is reported once until it passes. */
  function report(error: Error): void {
    if (signal.aborted || isMissingStream(error) || error.message === lastProblem) return;
    lastProblem = error.message;
    observe({ type: 'queue.changes_failed', error });
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      await consume().catch(report);
      await setTimeout(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  const following = follow();
  return {
    async stop() {
      stopping.abort();
      await messages?.close();
      await following;
    },
  };
}
