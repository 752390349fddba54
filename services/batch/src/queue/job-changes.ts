/** Inserted and cancelled jobs take effect at once. The sweeper finds missed changes within a second. */
import { type Bus, type ChangesFollower, followChanges } from '@tidemark/bus';
import type { Envelope } from '@tidemark/contracts';

export interface JobChangesOptions {
  bus: Bus;
  onQueued: () => void;
  onCancelled: (job: string) => void;
}

export function followJobChanges({ bus, onQueued, onCancelled }: JobChangesOptions): ChangesFollower {
  return followChanges(
    bus,
    {
      onEnvelope({ bytes }) {
        const { changes } = JSON.parse(Buffer.from(bytes).toString()) as Envelope;
        for (const { row } of changes) {
          if (row?.state === 'queued') onQueued();
          else if (row?.state === 'cancelled' && typeof row.id === 'string') onCancelled(row.id);
        }
      },
    },
    { subject: bus.subjects.changes('tidemark', 'jobs') },
  );
}
