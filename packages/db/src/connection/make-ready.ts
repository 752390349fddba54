/** What a slot needs before it is handed out: the right resting role, and a sign of life after a long idle time. */
import { encodeStatement } from '../sql/param.ts';
import type { Rest, Slot } from './connection.ts';

/** A healthy server answers in a millisecond. */
const TIMEOUT_MS = 2_000;
const PING = encodeStatement({ text: 'select 1' });
const REST_AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
const REST_AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });

/** Undefined when the slot can be used as it is. Rejects when it is of no use. */
export function makeReady(slot: Slot, rest: Rest, validateAfterIdleMs: number): Promise<unknown> | undefined {
  if (slot.rest !== rest) {
    // Awaited, never pipelined with what follows: that must not run under the previous role when this fails.
    return slot.send(rest === 'none' ? REST_AS_NONE : REST_AS_OWN, TIMEOUT_MS).then(() => {
      slot.rest = rest;
    });
  }
  if (performance.now() - slot.idleSince < validateAfterIdleMs) return undefined;
  return slot.send(PING, TIMEOUT_MS);
}
