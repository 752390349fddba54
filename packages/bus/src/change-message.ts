/**
 * A message of the stream of changes. Its place is in its headers and at the start of its body. Readers take it from
 * the body, because decoding the headers takes five times as long (2.0 and 0.4 µs), and longer than parsing a small body.
 */
import type { JsMsg } from '@nats-io/jetstream';
import { type Lsn, lsnFromHex, readChangeHeaders, tableKeyOfSubject } from '@tidemark/contracts';

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

/** Bytes of the body that hold its place, as the relay writes it. */
const HEAD_BYTES = 96;
const HEAD = /^\{(?:"form":\d+,)?"epoch":"([0-9a-z]+)","lsn":"([0-9A-F]{16})",(?:"xid":(\d+),)?/;

export function changeMessage(message: JsMsg): ChangeMessage {
  const { data } = message;
  const { epoch, lsn, xid } = readHead(data) ?? readChangeHeaders(message.headers);
  return {
    sequence: message.seq,
    get id() {
      return readChangeHeaders(message.headers).id;
    },
    epoch,
    lsn,
    xid,
    table: tableKeyOfSubject(message.subject),
    receivedAt: Date.now(),
    bytes: data,
  };
}

function readHead(data: Uint8Array) {
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1', 0, HEAD_BYTES);
  const [, epoch, lsn, xid] = HEAD.exec(text) ?? [];
  return epoch === undefined || lsn === undefined ? undefined : { epoch, lsn: lsnFromHex(lsn), xid: Number(xid) };
}
