/** Decides which requests that change something are passed on to metrics. */
import type { FastifyRequest } from 'fastify';
import { errors as gatewayErrors } from '../../errors.ts';
import { errors } from './errors.ts';

/** Bytes of a body, such as a statement of 16,384 characters with its parameters. */
const MAX_BODY_BYTES = 256 * 1024;

/** Returns why the request is not passed on. */
export function writeError(request: FastifyRequest): Error | undefined {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined;
  const { headers } = request;
  const declared = headers['content-length'];
  if (declared === undefined && headers['transfer-encoding'] !== undefined) return errors.PROXY_LENGTH();
  if (Number(declared ?? 0) > MAX_BODY_BYTES) {
    const bytes = `Content-Length is ${String(declared).slice(0, 20)}`;
    return gatewayErrors.BODY_LIMIT({ bytes, maximum: MAX_BODY_BYTES });
  }
  return isForgeable(request) ? errors.CROSS_SITE({ origin: headers.origin ?? 'another site' }) : undefined;
}

/**
 * A page may send a POST with the cookies of its visitor to another site without asking, unless its body is JSON. A
 * reverse proxy in front may turn those cookies into a token, so such a request is refused, whatever token it has.
 */
function isForgeable({ method, headers, hostname }: FastifyRequest): boolean {
  if (method !== 'POST' || /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin } = headers;
  // Ports are not compared: a reverse proxy may pass on the name alone.
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).hostname !== hostname);
}
