/** The headers of a data answer. */
import { TIDEMARK_HEADER, type Tidemark } from '@tidemark/contracts';
import {
  contentRange,
  contentType,
  type MediaType,
  type Preferences,
  preferenceApplied,
  rangeStatus,
} from '@tidemark/query';
import type { FastifyReply } from 'fastify';
import { postgrest } from '../errors.ts';

export interface Answer {
  media: MediaType;
  body: string | Buffer | null;
  rows: number;
  offset: number;
  total: number | null;
  tidemark: Tidemark;
  /** `replica` or `primary`. */
  source?: string;
  /** Those that took effect. */
  preferences: Partial<Preferences>;
}

/** 200, or 206 for a part of a known total. */
export function sendRows(reply: FastifyReply, answer: Answer) {
  const { media, rows, total, offset } = answer;
  if (isObject(media) && rows !== 1) throw postgrest.PGRST116({ rows });
  reply.code(rangeStatus(rows, total));
  reply.header('content-range', contentRange(offset, rows, total));
  return send(reply, answer);
}

export function send(reply: FastifyReply, answer: Answer) {
  reply.header(TIDEMARK_HEADER, answer.tidemark);
  if (answer.source) reply.header('tidemark-source', answer.source);
  const applied = preferenceApplied(answer.preferences);
  if (applied) reply.header('preference-applied', applied);
  reply.type(contentType(answer.media));
  return reply.send(answer.body ?? '');
}

export function isObject(media: MediaType): boolean {
  return media.kind === 'object' || (media.kind === 'plan' && media.for.kind === 'object');
}

/** A reply, or what will become one. */
export interface ReplyHead {
  header(name: string, value: string): unknown;
  code(status: number): unknown;
}

/** `response.headers` and `response.status`, which a function or trigger may have set. */
export function applyResponseSettings(reply: ReplyHead, headers: string | null, status: string | null): void {
  if (headers) {
    let list: unknown;
    try {
      list = JSON.parse(headers);
    } catch (cause) {
      throw responseGuc('headers', cause);
    }
    if (!Array.isArray(list)) throw responseGuc('headers');
    for (const item of list as Record<string, unknown>[]) {
      for (const [name, value] of Object.entries(item ?? {})) {
        if (typeof value !== 'string' || /[^\t\x20-\x7e\x80-\xff]/.test(value)) throw responseGuc('headers');
        reply.header(name, value);
      }
    }
  }
  if (status) {
    if (!/^[1-5]\d\d$/.test(status)) throw responseGuc('status');
    reply.code(Number(status));
  }
}

function responseGuc(which: 'headers' | 'status', cause?: unknown) {
  return which === 'headers' ? postgrest.PGRST111(undefined, { cause }) : postgrest.PGRST112(undefined, { cause });
}
