import { TIDEMARK_HEADER, type Tidemark } from '@tidemark/contracts';
import { contentType, type MediaType, type Preferences, preferenceApplied } from '@tidemark/query';
import type { FastifyReply } from 'fastify';
import { postgrest } from '../errors.ts';

export interface StoredReply {
  status: number;
  /** By lower-case name. The tidemark is not among them: it is known only after COMMIT. */
  headers: Record<string, string>;
  body: string;
}

export interface StoredReplyParts {
  status: number;
  media: MediaType;
  body: string | null;
  headers: Record<string, string>;
  preferences: Partial<Preferences>;
  /** `response.headers` and `response.status`, which a function or trigger may have set. */
  settings?: { headers: string | null; status: string | null };
}

export function storedReply({ status, media, body, headers, preferences, settings }: StoredReplyParts): StoredReply {
  const applied = preferenceApplied(preferences);
  const reply: StoredReply = {
    status: settings?.status ? statusOf(settings.status) : status,
    headers: settings?.headers ? { ...headers, ...headersOf(settings.headers) } : { ...headers },
    body: body ?? '',
  };
  if (applied) reply.headers['preference-applied'] = applied;
  reply.headers['content-type'] ??= contentType(media);
  return reply;
}

export function sendStoredReply(
  reply: FastifyReply,
  { status, headers, body }: { status: number; headers: Record<string, string>; body: string | Buffer },
  tidemark: Tidemark,
  source = 'primary',
) {
  reply.header(TIDEMARK_HEADER, tidemark).header('tidemark-source', source);
  return reply.code(status).headers(headers).send(body);
}

export function isObject(media: MediaType): boolean {
  return media.kind === 'object' || (media.kind === 'plan' && media.for.kind === 'object');
}

function statusOf(text: string): number {
  if (!/^[1-5]\d\d$/.test(text)) throw postgrest.PGRST112();
  return Number(text);
}

function headersOf(text: string): Record<string, string> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST111(undefined, { cause });
  }
  if (!Array.isArray(list)) throw postgrest.PGRST111();
  const headers: Record<string, string> = {};
  for (const item of list as Record<string, unknown>[]) {
    for (const [name, value] of Object.entries(item ?? {})) {
      if (typeof value !== 'string' || /[^\t\x20-\x7e\x80-\xff]/.test(value)) throw postgrest.PGRST111();
      headers[name.toLowerCase()] = value;
    }
  }
  return headers;
}
