/**
 * CopyBoth over `pg`, with flow control. The package pg-logical-replication confirms a position from which Postgres
 * may skip a transaction, reports what was received instead of what was stored, and cannot be paused.
 */
import { formatLsn, type Lsn } from '@tidemark/contracts';
import { identifier, literal, replicationTarget } from '@tidemark/db';
import { every } from '@tidemark/service';
import pg from 'pg';
import { errors } from '../errors.ts';

export interface ReplicationOptions {
  url: string;
  applicationName: string;
  slot: string;
  publication: string;
  /** Receives a pgoutput message. The buffer belongs to pg: copy what must outlive the call. */
  onMessage(bytes: Buffer): void;
  /** `onMessage` has received all commits up to `sentLsn`. */
  onKeepalive(sentLsn: Lsn): void;
  /** Called once, unless `close()` was called. */
  onEnd(error: Error): void;
}

export interface Replication {
  /** Postgres keeps the WAL meanwhile. Messages that have arrived already are still passed on. */
  pause(): void;
  resume(): void;
  /** Reports that everything up to here is stored, so that Postgres may drop it. `ask` requests a keepalive. */
  report(lsn: Lsn, ask: boolean): void;
  close(): Promise<void>;
}

/** The part of pg's connection that its types lack. */
interface CopyConnection {
  on(event: 'copyData', listener: (message: { chunk: Buffer }) => void): void;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  stream: { pause(): void; resume(): void; destroy(): void };
}

/** A walsender whose client does not read cannot be ended, and blocks checkpoints. The relay pauses for 5 s at most. */
const SERVER_GIVES_UP_MS = 20_000;
/** Settings on which the rendering of texts as JSON depends (json-text.ts). */
const SESSION = [
  'datestyle=ISO,MDY',
  'search_path=pg_catalog',
  'timezone=UTC',
  'intervalstyle=postgres',
  'extra_float_digits=1',
  'bytea_output=hex',
  'client_encoding=UTF8',
  `tcp_user_timeout=${SERVER_GIVES_UP_MS}`,
];
const POSTGRES_EPOCH_MS = 946_684_800_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** The session requests a keepalive each half second, so a silent connection counts as lost. */
const SILENCE_MS = 10_000;

/** @throws a pg DatabaseError with code 55006 where another process holds the slot */
export async function openReplication(options: ReplicationOptions): Promise<Replication> {
  const target = await replicationTarget(options.url);
  const config = {
    ...target,
    options: [target.options, ...SESSION.map((setting) => `-c ${setting}`)].join(' ').trimStart(),
    replication: 'database',
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
  const client = new pg.Client(config as pg.ClientConfig);
  let ended = false;
  let started = false;
  let paused = false;
  let heardAt = Date.now();

  const end = (error: Error) => {
    if (ended) return;
    ended = true;
    watch.stop();
    connection.stream.destroy();
    if (started) options.onEnd(error);
  };
  const connection = (client as unknown as { connection: CopyConnection }).connection;
  client.on('error', (cause) => end(errors.REPLICATION_CLOSED({ reason: cause.message }, { cause })));
  client.on('end', () => end(errors.REPLICATION_CLOSED({ reason: 'the server closed it' })));
  const checkSilence = () => {
    // A paused connection reads nothing, so its silence says nothing about the server.
    if (paused || !started) heardAt = Date.now();
    else if (Date.now() - heardAt > SILENCE_MS) end(errors.REPLICATION_SILENT({ seconds: SILENCE_MS / 1_000 }));
  };
  const watch = every('replication', 1_000, checkSilence, ({ error }) => end(error));

  connection.on('copyData', ({ chunk }) => {
    if (ended) return;
    heardAt = Date.now();
    try {
      if (chunk[0] === 0x77 /* w: XLogData */) options.onMessage(chunk.subarray(25));
      else if (chunk[0] === 0x6b /* k: keepalive */) options.onKeepalive(chunk.readBigUInt64BE(1));
    } catch (error) {
      end(error as Error);
    }
  });

  try {
    await client.connect();
    await start(client, connection, options);
    started = true;
  } catch (error) {
    ended = true;
    watch.stop();
    connection.stream.destroy();
    throw error;
  }

  return {
    pause() {
      paused = true;
      connection.stream.pause();
    },
    resume() {
      paused = false;
      heardAt = Date.now();
      connection.stream.resume();
    },
    report(lsn, ask) {
      if (!ended) connection.sendCopyFromChunk(statusUpdate(lsn, ask));
    },
    async close() {
      if (ended) return;
      ended = true;
      watch.stop();
      // The walsender notices the closed socket and frees the slot.
      await new Promise<void>((resolve) => {
        client.once('end', () => resolve());
        connection.stream.destroy();
      });
    },
  };
}

function start(client: pg.Client, connection: CopyConnection, options: ReplicationOptions): Promise<void> {
  // Traces of transactions are sent as logical messages (wal-reader.ts).
  const plugin = `proto_version '1', publication_names ${literal(identifier(options.publication))}, messages 'true'`;
  return new Promise((resolve, reject) => {
    connection.once('replicationStart', resolve);
    client
      .query(`START_REPLICATION SLOT ${identifier(options.slot)} LOGICAL ${formatLsn(0n)} (${plugin})`)
      // The query ends with the stream, which `error` and `end` report, too.
      .then(() => reject(errors.REPLICATION_CLOSED({ reason: 'the stream ended' })), reject);
  });
}

/** Reports one position as written, flushed and applied: that which JetStream has acknowledged. */
function statusUpdate(lsn: Lsn, ask: boolean): Buffer {
  const message = Buffer.alloc(34);
  message.writeUInt8(0x72, 0); // r
  message.writeBigUInt64BE(lsn, 1);
  message.writeBigUInt64BE(lsn, 9);
  message.writeBigUInt64BE(lsn, 17);
  message.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1_000n, 25);
  message.writeUInt8(ask ? 1 : 0, 33);
  return message;
}
