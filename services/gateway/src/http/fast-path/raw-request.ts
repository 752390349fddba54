/** What of a raw request decides its answer, as one text. */
import type { IncomingMessage } from 'node:http';

/** Where the front answers: reads of tables. */
const TABLES = '/rest/v1/';

/**
 * Headers that decide the answer to a read. One that is missing here would be answered with what another request was; Tidemark
 * is not among them, as it is looked at on each hit.
 */
const DECIDES = [
  'accept',
  'accept-encoding',
  'accept-profile',
  'apikey',
  'authorization',
  'if-none-match',
  'origin',
  'prefer',
  'range',
  'range-unit',
] as const;

/** Undefined for what the front leaves to fastify: writes, other routes, and a GET that brings a body. */
export function rawRequest(request: IncomingMessage): string | undefined {
  const { method, headers } = request;
  const url = request.url ?? '';
  if ((method !== 'GET' && method !== 'HEAD') || !url.startsWith(TABLES)) return undefined;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined;
  // Neither a URL nor a header can hold a zero character, and none of them starts with a digit alone.
  let text = method === 'GET' ? url : `HEAD ${url}`;
  for (let index = 0; index < DECIDES.length; index += 1) {
    const value = headers[DECIDES[index] as string];
    if (value !== undefined) text += `\0${index}${value}`;
  }
  return text;
}
