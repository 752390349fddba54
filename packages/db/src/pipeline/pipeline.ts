/** One pipeline: a lease whose socket is taken over from the driver once it has signed in, without the driver's promises and objects. */
import type net from 'node:net';
import type { PooledConnection } from '../connection/connection.ts';
import type { Lease } from '../pool/lease.ts';
import type { PoolMeter } from '../pool/meter.ts';
import { PipelineStatements } from './prepared-statements.ts';
import { PipelineReader } from './reader.ts';
import { PipelineWriter } from './writer.ts';

interface Protocol {
  reader: PipelineReader;
  writer: PipelineWriter;
}

/** A connection that becomes a pipeline again still has the statements that were prepared on it. */
const protocols = new WeakMap<PooledConnection, Protocol>();

export class Pipeline {
  readonly lease: Lease;
  readonly reader: PipelineReader;
  readonly writer: PipelineWriter;
  readonly openedAt: number = performance.now();
  pending = 0;
  readonly #socket: net.Socket;
  readonly #driverListeners: ((chunk: Buffer) => void)[];

  private constructor(lease: Lease, socket: net.Socket, { reader, writer }: Protocol) {
    this.lease = lease;
    this.reader = reader;
    this.writer = writer;
    this.#socket = socket;
    this.#driverListeners = socket.listeners('data') as ((chunk: Buffer) => void)[];
    socket.removeAllListeners('data');
    socket.on('data', reader.onData);
  }

  /** The driver must be idle. Undefined when the connection is gone. */
  static on(lease: Lease, meter: PoolMeter): Pipeline | undefined {
    const { connection } = lease;
    const { socket } = connection;
    if (socket === undefined || connection.state !== 'busy') return undefined;
    let protocol = protocols.get(connection);
    if (protocol === undefined) {
      const statements = new PipelineStatements(connection.prepared, meter);
      const reader = new PipelineReader(connection, statements);
      protocol = { reader, writer: new PipelineWriter(connection, socket, statements, reader) };
      protocols.set(connection, protocol);
    }
    return new Pipeline(lease, socket, protocol);
  }

  get isUsable(): boolean {
    const { connection } = this.lease;
    const { state, isFresh, hasStalePlans, prepared } = connection;
    return state === 'busy' && isFresh && !hasStalePlans && !prepared.wantsMeasure && !this.reader.isBroken;
  }

  giveBack(): void {
    this.#socket.off('data', this.reader.onData);
    for (const listener of this.#driverListeners) this.#socket.on('data', listener);
    if (this.reader.isBroken) this.lease.connection.close();
  }
}
