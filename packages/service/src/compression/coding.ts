/** Chooses the coding of a response from `Accept-Encoding` (RFC 9110, 12.5.3), as @fastify/compress does. */
import { negotiate } from '@fastify/accept-negotiator';

export type Coding = 'br' | 'gzip';

/** The best is first. zstd is missing: @fastify/compress gives it gzip's flush mode, which ends the frame in zstd. */
export const ENCODINGS: ('br' | 'gzip' | 'identity')[] = ['br', 'gzip', 'identity'];

const NO_IDENTITY = /(?:^|,)\s*identity\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)/i;
const NOTHING_ELSE = /(?:^|,)\s*\*\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)/;

/** Returns undefined if the client prefers plain bytes or accepts none of these codings. */
export function codingOf(header: string | undefined): Coding | undefined {
  // The wildcard means gzip, as in @fastify/compress.
  const coding = negotiate(header?.toLowerCase().replace(/\*|x-gzip/g, 'gzip') ?? '', ENCODINGS);
  return coding === null || coding === 'identity' ? undefined : (coding as Coding);
}

export const accepts = (header: string | undefined, coding: string): boolean =>
  negotiate(header?.toLowerCase().replace(/\*|x-gzip/g, coding) ?? '', [coding]) === coding;

export const refusesPlain = (header: string): boolean =>
  NO_IDENTITY.test(header) || (NOTHING_ELSE.test(header) && !/identity/i.test(header));
