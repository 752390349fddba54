/** The NATS client behind a `Bus`. Outside this package only tests use it, as `@tidemark/bus/client`. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Bus } from './bus.ts';
import type { BusEvent } from './events.ts';

export interface Client {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly inbox: () => string;
  readonly observe: (event: BusEvent) => void;
}

const clients = new WeakMap<Bus, Client>();

export function registerClient(bus: Bus, client: Client): Bus {
  clients.set(bus, client);
  return bus;
}

export function clientOf(bus: Bus): Client {
  const client = clients.get(bus);
  if (!client) throw new TypeError('this Bus was not opened by connectBus()');
  return client;
}

/** Deletes the streams of a test's prefix. A stream that the test never created cannot be deleted. */
export async function deleteStreams(bus: Bus): Promise<void> {
  const { streams } = clientOf(bus).jsm;
  await Promise.all(Object.values(bus.subjects.streams).map((name) => streams.delete(name).catch(() => false)));
}
