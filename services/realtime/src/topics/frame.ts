/** Builds final, unmasked WebSocket text frames (RFC 6455 §5.2), to be written to many sockets. */
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

export interface SnapshotEnd {
  /** No row of the snapshot is newer. */
  tidemark: string;
  /** Undefined where it is not known yet; a frame of changes states it then. */
  position: string | undefined;
}

export function snapshotFrame(topic: number, rows: readonly string[], end: SnapshotEnd | undefined): Buffer {
  const tidemark = end ? `,"tidemark":"${end.tidemark}"` : '';
  const position = end?.position === undefined ? '' : `,"position":"${end.position}"`;
  const tail = `"done":${end !== undefined}${tidemark}${position}`;
  return textFrame(`{"op":"snapshot","topic":${topic},"rows":[${rows.join(',')}],${tail}}`);
}

/** `through` is the last change's index in the transaction. `more` says that another envelope continues it. */
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

/** A frame of changes without a position. A later frame of the topic states the position. */
export function partFrame(topic: number, changes: readonly string[]): Buffer {
  return textFrame(`{"op":"changes","topic":${topic},"more":true,"changes":[${changes.join(',')}]}`);
}

export function changesUpTo(topic: number, position: string, changes: readonly string[]): Buffer {
  return textFrame(`{"op":"changes","topic":${topic},"position":"${position}","changes":[${changes.join(',')}]}`);
}

export interface FrameNames {
  frame?: string;
  id?: string;
  channel?: string;
}

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
