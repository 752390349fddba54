/** Decodes a body, and refuses one that would be stored as another text than was sent. */
import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import { errors } from '../../errors.ts';

/** UTF-8, and ASCII as a part of it. */
const UTF_8 = /^(utf-?8|us-ascii)$/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

/** Returns the error of headers that declare another coding; the body is not read then. */
export function codingError({ headers }: FastifyRequest): Error | undefined {
  const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !UTF_8.test(charset)) return errors.BODY_CHARSET({ charset });
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity') {
    return errors.BODY_ENCODING({ encoding });
  }
  return undefined;
}

/** Returns bytes as the text of a `bytea`, and any other body as its characters. */
export function textOf({ headers }: FastifyRequest, bytes: Buffer): string | Error {
  if (headers['content-type']?.toLowerCase().startsWith('application/octet-stream'))
    return `\\x${bytes.toString('hex')}`;
  return isUtf8(bytes) ? bytes.toString() : errors.BODY_UTF8();
}
