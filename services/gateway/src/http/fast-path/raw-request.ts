import type { IncomingMessage } from 'node:http';

export const TABLE_ROUTE = '/rest/v1/:table';
const TABLES = '/rest/v1/';

/**
 * A header that is missing here would let one request be answered with the reply to another. `Tidemark` is compared
 * at each hit.
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

export function rawRequest(request: IncomingMessage): string | undefined {
  const { method, headers } = request;
  const url = request.url ?? '';
  if ((method !== 'GET' && method !== 'HEAD') || !url.startsWith(TABLES)) return undefined;
  if (headers['if-match'] !== undefined) return undefined;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined;
  // Neither a URL nor a header can hold a zero character, so that it separates the parts.
  let text = method === 'GET' ? url : `HEAD ${url}`;
  for (let index = 0; index < DECIDES.length; index += 1) {
    const value = headers[DECIDES[index] as string];
    if (value !== undefined) text += `\0${index}${value}`;
  }
  return text;
}
