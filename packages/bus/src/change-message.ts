/** A message of the stream of changes. Its headers say its place, so that a reader skips a message without parsing the body. */
import type { JsMsg } from '@nats-io/jetstream';
import { type Lsn, readChangeHeaders, tableKeyOfSubject } from '@tidemark/contracts';

export interface ChangeMessage {
  readonly sequence: number;
  /** See contracts/message-id.ts; empty where the publisher set none. */
  readonly id: string;
  readonly epoch: string;
  readonly lsn: Lsn;
  readonly xid: number;
  /** `tableKey(schema, table)` of the envelope. */
  readonly table: string;
  /** ms since 1970. */
  readonly receivedAt: number;
  /** JSON text. */
  readonly bytes: Uint8Array;
}

export function changeMessage(message: JsMsg): ChangeMessage {
  const { id, epoch, lsn, xid } = readChangeHeaders(message.headers);
  return {
    sequence: message.seq,
    id,
    epoch,
    lsn,
    xid,
    table: tableKeyOfSubject(message.subject),
    receivedAt: Date.now(),
    bytes: message.data,
  };
}
