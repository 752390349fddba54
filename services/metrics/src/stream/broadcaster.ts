/**
 * Each client holds at most one write in memory: one that has not read its last event skips the next ones. It loses nothing, because
 * a health event carries the whole state, and a topic that has changed meanwhile is sent once the client reads again.
 */
import type { ServerResponse } from 'node:http';
import type { MetricsEvent } from '../events.ts';
import type { TopicVersion } from './topic-versions.ts';

export interface BroadcasterOptions {
  limit: number;
  stallMs: number;
  observe: (event: MetricsEvent) => void;
}

type Reason = Extract<MetricsEvent, { type: 'metrics.stream_closed' }>['reason'];

export interface Broadcaster {
  /**
   * The head of the response must be written. `expires` is in ms since 1970.
   *
   * @param topics what the client wants by `publish`; undefined: what is sent by `send`
   */
  add(response: ServerResponse, expires: number | undefined, topics?: readonly string[]): boolean;
  full(): boolean;
  /** Whether a client reads what is sent by `send`. */
  hasPlainClients(): boolean;
  wantedTopics(): ReadonlySet<string>;
  send(event: string, data: string, now: number): void;
  /** Sends each client the topics that it wants and has not got in this version. */
  publish(topics: ReadonlyMap<string, TopicVersion>, now: number): void;
  close(): void;
  stats(): { clients: number; skippedTotal: number; droppedTotal: number };
}

interface Client {
  response: ServerResponse;
  expires: number | undefined;
  stalledSince: number | undefined;
  topics: readonly string[] | undefined;
  /** The version of each topic that it got. */
  sent: Map<string, number>;
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

  /** @returns whether the client may be written to */
  function isReading(client: Client, now: number): boolean {
    if (client.expires !== undefined && client.expires <= now) {
      client.response.write(formatEvent('expired', '{}'));
      remove(client, 'expired');
      return false;
    }
    if (client.stalledSince === undefined) return true;
    if (now - client.stalledSince >= options.stallMs) remove(client, 'slow');
    else skippedTotal++;
    return false;
  }

  function write(client: Client, text: string | Buffer, now: number): void {
    if (!client.response.write(text)) client.stalledSince = now;
  }

  return {
    full: () => clients.size >= options.limit,
    hasPlainClients: () => [...clients].some(({ topics }) => topics === undefined),
    wantedTopics: () => new Set([...clients].flatMap(({ topics }) => topics ?? [])),
    add(response, expires, topics) {
      if (clients.size >= options.limit) return false;
      const client: Client = { response, expires, stalledSince: undefined, topics, sent: new Map() };
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
        if (client.topics === undefined && isReading(client, now)) write(client, bytes, now);
      }
    },
    publish(topics, now) {
      for (const client of clients) {
        if (client.topics === undefined || !isReading(client, now)) continue;
        const text = unsentOf(client, client.topics, topics);
        if (text !== '') write(client, text, now);
      }
    },
    close() {
      for (const client of clients) remove(client, 'shutdown');
    },
    stats: () => ({ clients: clients.size, skippedTotal, droppedTotal }),
  };
}

function unsentOf({ sent }: Client, wanted: readonly string[], topics: ReadonlyMap<string, TopicVersion>): string {
  let text = '';
  for (const name of wanted) {
    const topic = topics.get(name);
    if (topic === undefined || sent.get(name) === topic.version) continue;
    sent.set(name, topic.version);
    text += formatEvent(name, topic.data);
  }
  return text;
}

/** Formats one event of a stream (WHATWG HTML §9.2). `data` is JSON, which contains no line breaks. */
export const formatEvent = (event: string, data: string) => `event: ${event}\ndata: ${data}\n\n`;
