/** An answer with the proof of its freshness, as bytes: a line of JSON, then the body. */
import { createHash } from 'node:crypto';
import { type Lsn, lsnFromHex, lsnToHex } from '@tidemark/contracts';
import type { Identity, Statement } from '@tidemark/db';
import type { CachedAnswer } from '../cached-answer.ts';
import { strongEtag } from '../etag.ts';

export interface SharedValue {
  readonly answer: CachedAnswer;
  readonly epoch: string;
  /** The rows include every transaction up to this position. */
  readonly lsn: Lsn;
  readonly stamps: string;
}

/** Longer bodies are kept as bytes, like those of the gateway's own reads. */
const TEXT_CHARACTERS = 16 * 1024;
const EPOCH = /^[0-9a-z]{6,16}$/;
const LSN = /^[0-9A-F]{16}$/;

export function encodeShared({ answer, epoch, lsn, stamps }: SharedValue): Buffer {
  const { rows, total, etag, body } = answer;
  const head = JSON.stringify({ epoch, lsn: lsnToHex(lsn), stamps, rows, total, etag });
  return Buffer.concat([Buffer.from(`${head}\n`), typeof body === 'string' ? Buffer.from(body) : body]);
}

/** Returns undefined for bytes that are no complete value: the ETag is a hash of the body. */
export function decodeShared(bytes: Buffer): SharedValue | undefined {
  const end = bytes.indexOf(10);
  if (end < 0) return undefined;
  let head: Record<string, unknown>;
  try {
    head = JSON.parse(bytes.toString('utf8', 0, end));
  } catch {
    return undefined;
  }
  const { epoch, lsn, stamps, rows, total, etag } = head ?? {};
  if (typeof epoch !== 'string' || !EPOCH.test(epoch) || typeof lsn !== 'string' || !LSN.test(lsn)) return undefined;
  if (typeof stamps !== 'string' || typeof rows !== 'number' || typeof etag !== 'string') return undefined;
  if (total !== null && typeof total !== 'number') return undefined;
  const body = bytes.subarray(end + 1);
  const text = body.toString();
  if (strongEtag(text) !== etag) return undefined;
  // A copy does not keep the received buffer alive.
  const kept = text.length > TEXT_CHARACTERS ? Buffer.from(body) : text;
  return { answer: { body: kept, rows, total: total as number | null, etag }, epoch, lsn: lsnFromHex(lsn), stamps };
}

/** Two gateways whose catalogs or settings differ share only the statements that both would send. */
export function sharedKey({ role, claims, settings }: Identity, personal: boolean, statement: Statement): string {
  const parts = [role, settings ?? {}, personal ? claims : null, statement.text, statement.params ?? []];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
