/**
 * Frames to clients, as the bytes that go on the wire: a WebSocket text frame (RFC 6455 §5.2: final, unmasked), built once
 * and written to every socket of a topic.
 */
import { formatPosition, type ServerFrame, type TidemarkError } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';

const FINAL_TEXT = 0x81;

function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = FINAL_TEXT;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, head);
  return frame;
}

export const serverFrame = (frame: ServerFrame): Buffer => textFrame(JSON.stringify(frame));

/** How a snapshot ends. */
export interface SnapshotEnd {
  /** No row is newer. */
  tidemark: string;
  /** Undefined where it is not known yet from where the changes go on: a frame of changes tells it then. */
  position: string | undefined;
}

/** @param rows JSON texts; `end`: with the last of them */
export function snapshotFrame(topic: number, rows: readonly string[], end: SnapshotEnd | undefined): Buffer {
  const tidemark = end ? `,"tidemark":"${end.tidemark}"` : '';
  const position = end?.position === undefined ? '' : `,"position":"${end.position}"`;
  const tail = `"done":${end !== undefined}${tidemark}${position}`;
  return textFrame(`{"op":"snapshot","topic":${topic},"rows":[${rows.join(',')}],${tail}}`);
}

/**
 * @param more the table's changes in this transaction go on in another envelope
 * @param changes JSON texts; `through`: the index in the transaction up to which they are
 */
export function changesFrame(
  topic: number,
  envelope: ChangeEnvelope,
  through: number,
  changes: readonly string[],
  more: boolean,
): Buffer {
  const position = formatPosition(envelope.epoch, envelope.lsn, through);
  return textFrame(
    `{"op":"changes","topic":${topic},"position":"${position}",${more ? '"more":true,' : ''}"changes":[${changes.join(',')}]}`,
  );
}

/** Changes that are kept until a frame of the topic has come that says from where to resume. */
export function partFrame(topic: number, changes: readonly string[]): Buffer {
  return textFrame(`{"op":"changes","topic":${topic},"more":true,"changes":[${changes.join(',')}]}`);
}

/** @param changes JSON texts; those of a window each with its index */
export function changesUpTo(topic: number, position: string, changes: readonly string[]): Buffer {
  return textFrame(`{"op":"changes","topic":${topic},"position":"${position}","changes":[${changes.join(',')}]}`);
}

/** What a refusal names, so that the client knows what was refused. */
export interface FrameNames {
  /** Its op. */
  frame?: string;
  id?: string;
  channel?: string;
}

/** `retry`: the same frame may succeed later, unchanged. */
export function errorFrame(error: TidemarkError, names: FrameNames = {}): Buffer {
  const { code, message, hint } = error;
  const retry = error.status === 429 || error.status === 503 || error.status === 504;
  return serverFrame({
    op: 'error',
    ...names,
    code,
    message,
    ...(hint ? { hint } : {}),
    retry,
  });
}
