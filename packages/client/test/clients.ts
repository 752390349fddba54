/** A backend, a TCP proxy that tests cut, and clients of both that are closed with their test. */
import { until } from '@tidemark/testing';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { createClient, type TidemarkClient } from '../src/index.ts';
import { startBackend, startWire } from './backend.ts';

export interface Database {
  public: {
    Tables: {
      commentary: {
        Row: { id: number; match_id: number; body: string };
        Insert: { match_id: number; body?: string };
        Update: { match_id?: number; body?: string };
        Relationships: [];
      };
      note: {
        Row: { owner: string; body: string };
        Insert: { body: string };
        Update: { body?: string };
        Relationships: [];
      };
    };
    Views: Record<never, never>;
    Functions: Record<never, never>;
  };
}

export async function startClients(t: { teardown(undo: () => Promise<void>): void }) {
  const backend = await startBackend();
  const wire = await startWire(backend.url);
  t.teardown(async () => {
    await wire.stop();
    await backend.stop();
  });
  const liveUrl = `${wire.url.replace('http', 'ws')}/live`;
  let lastMatch = 0;
  return {
    backend,
    wire,
    liveUrl,
    async open(t: { teardown(undo: () => void): void }, sub = 'ann'): Promise<TidemarkClient<Database>> {
      const client = createClient<Database>(backend.url, { token: await backend.token(sub), liveUrl, WebSocket });
      t.teardown(() => client.close());
      return client;
    },
    /** The last test of a file: all clients of the tests before it are closed. */
    async noSockets(t: Test) {
      await until(
        () => wire.open() === 0,
        () => `all sockets to close; ${wire.open()} are open`,
      );
      t.equal(wire.open(), 0);
    },
    /** Each test writes to a match of its own. */
    newMatch() {
      lastMatch += 1;
      return lastMatch;
    },
    query: (client: TidemarkClient<Database>, match: number) =>
      client.from('commentary').select('id,body').eq('match_id', match),
  };
}
