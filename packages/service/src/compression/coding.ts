/** `Accept-Encoding` → the coding of the answer (RFC 9110, 12.5.3), as @fastify/compress negotiates it. */
import { negotiate } from '@fastify/accept-negotiator';

export type Coding = 'br' | 'gzip';

/**
 * Best first, which decides between equal weights. zstd is left out: @fastify/compress gives it the options of gzip, whose flush
 * mode means "end of the frame" to zstd.
 */
export const ENCODINGS: ('br' | 'gzip' | 'identity')[] = ['br', 'gzip', 'identity'];

const NO_IDENTITY = /(?:^|,)\s*identity\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)/i;
const NOTHING_ELSE = /(?:^|,)\s*\*\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)/;

/** The coding that the client prefers; undefined: it prefers the plain bytes, or takes none of our codings. */
export function codingOf(header: string | undefined): Coding | undefined {
  // The wildcard stands for gzip, as it does in @fastify/compress.
  const coding = negotiate(header?.toLowerCase().replace(/\*|x-gzip/g, 'gzip') ?? '', ENCODINGS);
  return coding === null || coding === 'identity' ? undefined : (coding as Coding);
}

/** Whether the client takes this coding at all. */
export const accepts = (header: string | undefined, coding: string): boolean =>
  negotiate(header?.toLowerCase().replace(/\*|x-gzip/g, coding) ?? '', [coding]) === coding;

/** Whether the client refuses the plain bytes. */
export const refusesPlain = (header: string): boolean =>
  NO_IDENTITY.test(header) || (NOTHING_ELSE.test(header) && !/identity/i.test(header));
