/**
 * Sends each read as Bind and Execute of its identity (role, claims, settings and `transaction_read_only`, each local
 * to the transaction), Bind and Execute of its statement, and a Sync. Everything up to a Sync is one transaction
 * (Postgres's documentation, 54.2.4 "Pipelining"), which undoes the identity whatever the read before it did. Reads
 * that are session-safe (Statement in types.ts) and leave in the same turn share a Sync, and the identity where it is
 * the same. Postgres takes a snapshot for each of them all the same.
 */
import type { Writable } from 'node:stream';
import type { PooledConnection } from '../connection/connection.ts';
import { pipelineIdentity } from '../transactions/identity-statement.ts';
import { PipelineMessages } from './messages.ts';
import type { PipelinedRead, Prepared } from './pipelined-read.ts';
import type { PipelineStatements } from './prepared-statements.ts';
import type { PipelineReader } from './reader.ts';

/** Reads in one transaction: as many are sent again when the first one fails. */
const MAX_SHARING = 8;

interface SharedTransaction {
  setter: Prepared;
  params: readonly string[];
  last: PipelinedRead;
  size: number;
}

export class PipelineWriter {
  readonly #connection: Pick<PooledConnection, 'add' | 'schemaChanges'>;
  readonly #socket: Pick<Writable, 'write' | 'destroyed'>;
  readonly #statements: PipelineStatements;
  readonly #reader: Pick<PipelineReader, 'expect'>;
  readonly #messages = new PipelineMessages();
  #shared: SharedTransaction | undefined;
  #isFlushing = false;
  #schemaChanges: number;

  constructor(
    connection: Pick<PooledConnection, 'add' | 'schemaChanges'>,
    socket: Pick<Writable, 'write' | 'destroyed'>,
    statements: PipelineStatements,
    reader: Pick<PipelineReader, 'expect'>,
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#statements = statements;
    this.#reader = reader;
    this.#schemaChanges = connection.schemaChanges;
  }

  get hasRoom(): boolean {
    return this.#shared !== undefined && this.#shared.size < MAX_SHARING;
  }

  /** Sends the read at the end of this turn, together with all others. Throws DB_ROLE_REFUSED and DB_SETTING_REFUSED, with nothing sent. */
  send(read: PipelinedRead, timeoutMs: number): void {
    const { identity, text, params, wantsXmin, sessionSafe } = read.request;
    const identitySql = pipelineIdentity(identity, wantsXmin);
    if (!this.#connection.add(read, timeoutMs)) return;
    const statements = this.#statements;
    if (this.#schemaChanges !== this.#connection.schemaChanges) {
      this.#schemaChanges = this.#connection.schemaChanges;
      statements.forgetAll();
    }
    const setter = statements.setter(identitySql.text);
    const prepared = statements.of(identity.role, text);
    const shares = sessionSafe && setter.state === 'ready' && prepared.state === 'ready';
    const before = this.#shared;
    // A Close must be first in its transaction, where no failed statement before it makes Postgres skip it.
    const joins =
      before !== undefined && shares && !statements.hasToClose && mayJoin(before, setter, identitySql.params);
    if (!joins) this.#endShared();
    const messages = this.#messages;
    for (let name = statements.nextToClose(); name !== undefined; name = statements.nextToClose()) messages.close(name);
    if (joins && sameParams(before.params, identitySql.params)) read.completed = 1;
    else this.#writeSetter(read, setter, identitySql);
    this.#writeStatement(read, prepared, text, params);
    if (!shares) messages.sync();
    else {
      read.isLast = false;
      this.#shared = { setter, params: identitySql.params, last: read, size: joins ? before.size + 1 : 1 };
    }
    this.#reader.expect(read);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(this.#flush);
  }

  #endShared(): void {
    if (this.#shared === undefined) return;
    this.#shared.last.isLast = true;
    this.#shared = undefined;
    this.#messages.sync();
  }

  #writeSetter(read: PipelinedRead, setter: Prepared, { text, params }: { text: string; params: string[] }): void {
    const messages = this.#messages;
    if (setter.state === 'absent') {
      setter.state = 'parsing';
      read.setter = setter;
      messages.parse(setter.name, text);
    } else if (setter.state === 'parsing') messages.parse('', text);
    messages.execute(setter.state === 'ready' || read.setter === setter ? setter.name : '', params);
  }

  #writeStatement(read: PipelinedRead, prepared: Prepared, text: string, params: readonly (string | null)[]): void {
    const messages = this.#messages;
    if (prepared.state === 'ready') {
      read.columns = prepared.columns;
      read.reused = true;
      messages.execute(prepared.name, params);
      read.prepared = prepared;
      return;
    }
    // Until it is known whether it could be prepared, other reads parse it for themselves alone, unnamed.
    let name = '';
    if (prepared.state === 'absent') {
      prepared.state = 'parsing';
      read.prepared = prepared;
      name = prepared.name;
    }
    messages.parse(name, text);
    messages.describe(name);
    messages.execute(name, params);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#endShared();
    if (!this.#messages.isEmpty && !this.#socket.destroyed) this.#socket.write(this.#messages.take());
  };
}

/** The next identity must set the same settings as the one before, else a setting of that one would stay in force. */
function mayJoin({ size, setter, params }: SharedTransaction, next: Prepared, nextParams: readonly string[]): boolean {
  if (size >= MAX_SHARING || setter !== next) return false;
  for (let name = 2; name < params.length; name += 2) if (params[name] !== nextParams[name]) return false;
  return true;
}

function sameParams(some: readonly string[], others: readonly string[]): boolean {
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}
