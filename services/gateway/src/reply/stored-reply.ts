import { TIDEMARK_HEADER, type Tidemark } from '@tidemark/contracts';
import { OWN_HEADERS, type ResponseSettings } from '@tidemark/plan';
import { contentType, type MediaType, type Preferences, preferenceApplied } from '@tidemark/query';
import type { FastifyReply } from 'fastify';
import { postgrest } from '../errors.ts';

export interface StoredReply {
  status: number;
  /** Headers by lower-case name. The tidemark is not among them: it is known only after COMMIT. */
  headers: Record<string, string | string[]>;
  body: string;
}

export interface StoredReplyParts {
  status: number;
  media: MediaType;
  body: string | null;
  headers: Record<string, string>;
  preferences: Partial<Preferences>;
  /** `response.headers` and `response.status`, which a function or trigger may have set. */
  settings?: ResponseSettings;
}

export function storedReply({ status, media, body, headers, preferences, settings }: StoredReplyParts): StoredReply {
  const applied = preferenceApplied(preferences);
  const own = settings ? ownHead(settings) : undefined;
  const reply: StoredReply = {
    status: own?.status ?? status,
    headers: { ...headers, ...own?.headers },
    body: body ?? '',
  };
  // These answers end with their head, so that bytes behind it would be taken for the next answer.
  if (reply.status === 204 || reply.status === 205 || reply.status === 304) reply.body = '';
  if (applied) reply.headers['preference-applied'] = applied;
  // Without a representation there is nothing to describe.
  if (body !== null) reply.headers['content-type'] ??= contentType(media);
  return reply;
}

export function sendStoredReply(
  reply: FastifyReply,
  { status, headers, body }: { status: number; headers: StoredReply['headers']; body: string | Buffer },
  tidemark: Tidemark,
  source = 'primary',
) {
  reply.header(TIDEMARK_HEADER, tidemark).header('tidemark-source', source);
  // Node writes the head of an answer together with a text, in UTF-8; before bytes it writes it as Latin-1.
  const sent = typeof body === 'string' && hasBytes(headers) ? Buffer.from(body) : body;
  // Fastify adds a Content-Type to an empty text.
  const isNone = sent === '' && headers['content-type'] === undefined;
  return reply
    .code(status)
    .headers(headers)
    .send(isNone ? undefined : sent);
}

function hasBytes(headers: StoredReply['headers']): boolean {
  for (const name in headers) if (/[\u0080-\u00ff]/.test(String(headers[name]))) return true;
  return false;
}

export function isObject(media: MediaType): boolean {
  return media.kind === 'object' || (media.kind === 'plan' && media.for.kind === 'object');
}

/** The head that a function has set by `response.headers` and `response.status`. */
export function ownHead({ headers, status }: ResponseSettings): {
  status: number | null;
  headers: StoredReply['headers'];
} {
  return { status: status ? statusOf(status) : null, headers: headers ? headersOf(headers) : {} };
}

/** Malformed settings have failed the statement already (@tidemark/plan, response-settings.ts), before its COMMIT. */
function statusOf(text: string): number {
  if (!/^[2-5]\d\d$/.test(text)) throw postgrest.PGRST112();
  return Number(text);
}

function headersOf(text: string): StoredReply['headers'] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST111(undefined, { cause });
  }
  if (!Array.isArray(list)) throw postgrest.PGRST111();
  const headers: StoredReply['headers'] = {};
  for (const item of list as Record<string, unknown>[]) {
    for (const [given, text] of Object.entries(item ?? {})) {
      const name = given.toLowerCase();
      if (typeof text !== 'string' || OWN_HEADERS.includes(name)) throw postgrest.PGRST111();
      // The bytes of UTF-8, as Latin-1.
      const value = Buffer.from(text).toString('latin1');
      const before = headers[name];
      // A repeated header is several lines, such as two cookies.
      headers[name] = before === undefined || name === 'content-type' ? value : [before, value].flat();
    }
  }
  return headers;
}
