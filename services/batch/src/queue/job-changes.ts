/**
 * What the WAL says about tidemark.jobs, for immediacy only: whoever inserts or cancels a job is heard at once. What
 * is missed here (relay down, messages gone) the sweeper finds within a second.
 */
import { type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import type { Bus } from '@tidemark/bus';
import type { Envelope } from '@tidemark/contracts';
import type { BatchEvent } from '../events.ts';

export interface JobChangesOptions {
  bus: Bus;
  /** Some job is queued. */
  onQueued: () => void;
  onCancelled: (job: string) => void;
  observe: (event: BatchEvent) => void;
}

export async function followJobChanges(options: JobChangesOptions): Promise<{ stop(): Promise<void> }> {
  const { bus, observe } = options;
  // An ordered consumer: ephemeral, without acknowledgements, made anew by the client when it is lost.
  const consumer = await bus.js.consumers.get(bus.subjects.streams.changes, {
    filter_subjects: bus.subjects.changes('tidemark', 'jobs'),
    deliver_policy: DeliverPolicy.New,
  });
  const messages: ConsumerMessages = await consumer.consume({ max_messages: 100 });
  const reading = (async () => {
    for await (const message of messages) {
      try {
        read(message.json<Envelope>());
      } catch (error) {
        observe({ type: 'queue.changes_failed', error: error as Error });
      }
    }
  })().catch((error: Error) => observe({ type: 'queue.changes_failed', error }));

  function read(envelope: Envelope): void {
    for (const { row } of envelope.changes) {
      if (row?.state === 'queued') options.onQueued();
      else if (row?.state === 'cancelled' && typeof row.id === 'string') options.onCancelled(row.id);
    }
  }

  return {
    async stop() {
      await messages.close();
      await reading;
    },
  };
}
