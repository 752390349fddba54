/**
 * Each client holds at most one event in memory: one that has not read its last event skips the next ones, which lose
 * nothing because each carries the whole state.
 */
import type { ServerResponse } from 'node:http';
import type { MetricsEvent } from '../events.ts';

export interface BroadcasterOptions {
  limit: number;
  stallMs: number;
  observe: (event: MetricsEvent) => void;
}

type Reason = Extract<MetricsEvent, { type: 'metrics.stream_closed' }>['reason'];

export interface Broadcaster {
  /** The head of the response must be written. `expires` is in ms since 1970. */
  add(response: ServerResponse, expires: number | undefined): boolean;
  full(): boolean;
  send(event: string, data: string, now: number): void;
  close(): void;
  stats(): { clients: number; skippedTotal: number; droppedTotal: number };
}

interface Client {
  response: ServerResponse;
  expires: number | undefined;
  stalledSince: number | undefined;
}

export function createBroadcaster(options: BroadcasterOptions): Broadcaster {
  const clients = new Set<Client>();
  let skippedTotal = 0;
  let droppedTotal = 0;

  function remove(client: Client, reason: Reason): void {
    if (!clients.delete(client)) return;
    if (reason === 'slow') {
      droppedTotal++;
      // end() would wait for the client to read.
      client.response.destroy();
    } else client.response.end();
    options.observe({ type: 'metrics.stream_closed', clients: clients.size, reason });
  }

  return {
    full: () => clients.size >= options.limit,
    add(response, expires) {
      if (clients.size >= options.limit) return false;
      const client: Client = { response, expires, stalledSince: undefined };
      clients.add(client);
      response.on('drain', () => {
        client.stalledSince = undefined;
      });
      response.once('close', () => remove(client, 'left'));
      // A write may reach a socket that the client has just closed; 'close' follows.
      response.on('error', () => remove(client, 'left'));
      options.observe({ type: 'metrics.stream_opened', clients: clients.size });
      return true;
    },
    send(event, data, now) {
      const bytes = Buffer.from(formatEvent(event, data));
      for (const client of clients) {
        if (client.expires !== undefined && client.expires <= now) {
          client.response.write(formatEvent('expired', '{}'));
          remove(client, 'expired');
        } else if (client.stalledSince === undefined) {
          if (!client.response.write(bytes)) client.stalledSince = now;
        } else if (now - client.stalledSince >= options.stallMs) remove(client, 'slow');
        else skippedTotal++;
      }
    },
    close() {
      for (const client of clients) remove(client, 'shutdown');
    },
    stats: () => ({ clients: clients.size, skippedTotal, droppedTotal }),
  };
}

/** Formats one event of a stream (WHATWG HTML §9.2). `data` is JSON, which contains no line breaks. */
export const formatEvent = (event: string, data: string) => `event: ${event}\ndata: ${data}\n\n`;
