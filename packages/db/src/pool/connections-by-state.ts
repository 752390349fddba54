import type { PoolStats } from '@tidemark/contracts';
import type { Slot } from '../connection/connection.ts';

/** A lane without riders holds its slot, which is idle all the same. */
export function slotsByState(all: Iterable<Slot>, idleLanes: number): PoolStats['slots'] {
  const slots = { connecting: 0, idle: idleLanes, busy: -idleLanes, closing: 0 };
  for (const { state } of all) {
    if (state === 'draining') slots.busy++;
    else if (state !== 'gone') slots[state]++;
  }
  return slots;
}
