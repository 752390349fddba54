/**
 * `response.headers` and `response.status`, which a function or trigger may set for the response. A malformed value
 * fails the statement, because a write's COMMIT is sent together with it: an error that the gateway finds afterwards
 * would answer "failed" for a write that is durable. As in body.ts, an impossible cast is the failure.
 */
import { literal } from './params.ts';

/** Framing is the server's own (RFC 9112, 6.3), and the position is known only after COMMIT. */
export const OWN_HEADERS = [
  'connection',
  'content-length',
  'keep-alive',
  'te',
  'tidemark',
  'tidemark-source',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export const BAD_HEADERS = 'tidemark_response_headers:';
export const BAD_STATUS = 'tidemark_response_status:';

const NAME = `"(?!(?:${OWN_HEADERS.join('|')})")[!#$%&'*+.^_\`|~0-9a-z-]+"`;
/** A JSON string without control characters. */
const VALUE = String.raw`"(?:[^"\\[:cntrl:]]|\\["\\/t]|\\u00[2-7][0-9a-f])*"`;
const PAIR = String.raw`\s*${NAME}\s*:\s*${VALUE}\s*`;
const OBJECT = String.raw`\s*\{(?:${PAIR}(?:,${PAIR})*|\s*)\}\s*`;
const HEADERS = String.raw`(?i)^\s*\[(?:${OBJECT}(?:,${OBJECT})*|\s*)\]\s*$`;
/** A status below 200 is not the end of an exchange. */
const STATUS = '^[2-5][0-9][0-9]$';

function settingSql(name: string, pattern: string, failure: string): string {
  const value = `nullif(current_setting('${name}', true), '')`;
  return `case when ${value} !~ ${literal(pattern)} then ('${failure}' || length(${value}))::int4::text else ${value} end`;
}

export const responseSettingsSql = `${settingSql('response.headers', HEADERS, BAD_HEADERS)} as headers, ${settingSql('response.status', STATUS, BAD_STATUS)} as status`;
