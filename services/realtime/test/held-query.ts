/** A client's query as its page shows it: the snapshot with the changes applied; after a resync, asked for again. */
import { until } from '@tidemark/testing';
import type { LiveClient } from './live-client.ts';

export interface HeldQuery {
  rows: Map<unknown, Record<string, unknown>>;
  resyncs: number;
  /** The reasons of the resyncs. */
  reasons: string[];
  /** Undefined while the snapshot has not come whole. */
  position: string | undefined;
  /** The keys, once they are these. */
  has(...ids: unknown[]): Promise<void>;
}

/** Resolves once its snapshot is there. */
export async function holdQuery(client: LiveClient, id: string, query: string): Promise<HeldQuery> {
  let topic: number | undefined;
  let isDone = false;
  const subscribe = () => {
    isDone = false;
    held.rows.clear();
    held.position = undefined;
    client.send({ op: 'subscribe', id, query, snapshot: true });
  };
  const held: HeldQuery = {
    rows: new Map(),
    resyncs: 0,
    reasons: [],
    position: undefined,
    async has(...ids) {
      const keys = () => JSON.stringify([...held.rows.keys()].sort());
      const wanted = JSON.stringify(ids.sort());
      await until(
        () => isDone && keys() === wanted,
        () => `${wanted} in "${query}"; there are ${keys()}`,
      );
    },
  };
  client.readers.add((frame) => {
    if (frame.op === 'subscribed' && frame.id === id) topic = frame.topic;
    if (frame.topic !== topic) return;
    if (frame.op === 'snapshot') {
      for (const row of frame.rows) held.rows.set(row.id, row);
      if (frame.done) isDone = true;
    }
    if (frame.op === 'changes') {
      for (const { type, row, old } of frame.changes) {
        if (old) held.rows.delete(old.id);
        if (row && type !== 'leave') held.rows.set(row.id, row);
      }
    }
    if (frame.position) held.position = frame.position;
    if (frame.op === 'resync') {
      held.resyncs += 1;
      held.reasons.push(frame.reason);
      subscribe();
    }
  });
  subscribe();
  await until(() => isDone, `the snapshot of "${query}"`);
  return held;
}
