/** An answer before it is sent: it can be kept for an Idempotency-Key, or become one result of many. */
import { TIDEMARK_HEADER, type Tidemark } from '@tidemark/contracts';
import { contentType, type MediaType, type Preferences, preferenceApplied } from '@tidemark/query';
import type { FastifyReply } from 'fastify';
import { applyResponseSettings } from './answer.ts';

export interface StoredReply {
  status: number;
  /** Lower-case names; without the tidemark, which is known only after the COMMIT. */
  headers: Record<string, string>;
  body: string;
}

export interface StoredReplyParts {
  status: number;
  media: MediaType;
  body: string | null;
  headers: Record<string, string>;
  preferences: Partial<Preferences>;
  /** `response.headers` and `response.status`, where a trigger or function set them. */
  settings: { headers: string | null; status: string | null };
}

export function answerOf(parts: StoredReplyParts): StoredReply {
  const answered: StoredReply = { status: parts.status, headers: { ...parts.headers }, body: parts.body ?? '' };
  applyResponseSettings(
    {
      header(name, value) {
        answered.headers[name.toLowerCase()] = value;
      },
      code(status) {
        answered.status = status;
      },
    },
    parts.settings.headers,
    parts.settings.status,
  );
  const applied = preferenceApplied(parts.preferences);
  if (applied) answered.headers['preference-applied'] = applied;
  answered.headers['content-type'] ??= contentType(parts.media);
  return answered;
}

export function sendStoredReply(reply: FastifyReply, answered: StoredReply, tidemark: Tidemark) {
  reply.header(TIDEMARK_HEADER, tidemark).header('tidemark-source', 'primary');
  return reply.code(answered.status).headers(answered.headers).send(answered.body);
}
