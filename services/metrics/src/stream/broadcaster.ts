/**
 * Server-Sent Events to the consoles. Encoded once for all of them. A client that has not taken its last message skips
 * the next ones (each is the whole state, so nothing is missed); one that leaves it unread for `stallMs` is dropped. So a
 * client holds at most one message of memory.
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
  /** False when there are `limit` clients already. The response's head must be written. `expires`: ms since 1970. */
  add(response: ServerResponse, expires: number | undefined, now: number): boolean;
  full(): boolean;
  send(event: string, data: string, now: number): void;
  /** Ends every stream; clients reconnect, to this instance or the next. */
  close(): void;
  stats(): { clients: number; skippedTotal: number; droppedTotal: number };
}

interface Client {
  response: ServerResponse;
  expires: number | undefined;
  /** Since when it has had something unread; undefined when it has taken all. */
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
      // end() would wait for a reader that does not read.
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
      // A write to a socket that the client has just closed; 'close' follows.
      response.on('error', () => remove(client, 'left'));
      options.observe({ type: 'metrics.stream_opened', clients: clients.size });
      return true;
    },
    send(event, data, now) {
      const frame = Buffer.from(frameOf(event, data));
      for (const client of clients) {
        if (client.expires !== undefined && client.expires <= now) {
          client.response.write(frameOf('expired', '{}'));
          remove(client, 'expired');
        } else if (client.stalledSince === undefined) {
          if (!client.response.write(frame)) client.stalledSince = now;
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

/** One event of the SSE format (WHATWG HTML §9.2); `data` is JSON, so it has no line breaks. */
export const frameOf = (event: string, data: string) => `event: ${event}\ndata: ${data}\n\n`;
