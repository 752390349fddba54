import { TIDEMARK_HEADER, type Tidemark, TidemarkError } from '@tidemark/contracts';
import type { Client, Database, Identity, SessionReset, Statement, StreamSource, StreamStats } from '@tidemark/db';
import { contentType, preferenceApplied } from '@tidemark/query';
import type { FastifyReply } from 'fastify';
import { errors } from '../../errors.ts';
import type { ExportRequest } from '../../request/export-request.ts';

export interface ExportLimits {
  max: number;
  /** ms in which the client must read what it is sent. */
  stallMs: number;
  /** ms for a whole export, by role; `*` is any other role. */
  timeouts: ReadonlyMap<string, number>;
}

export interface Export {
  /** The statement may change its session. */
  readonly resetAfter?: SessionReset;
  request: ExportRequest;
  statement: Statement;
  identity: Identity;
  tidemark: Tidemark | undefined;
  route: string;
  client: Client;
  values?: boolean;
}

/** Request headers that select the representation, for caches. */
const VARY = 'Authorization, apikey, Accept, Accept-Profile, Prefer, Range';

export class Exporter {
  active = 0;
  refusedTotal = 0;
  readonly #db: Database;
  readonly #limits: ExportLimits;

  constructor(db: Database, limits: ExportLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  get stats(): StreamStats {
    return this.#db.streams.stats();
  }

  async send(
    reply: FastifyReply,
    { request, statement, identity, tidemark, route, values, client, resetAfter }: Export,
  ) {
    const { max, stallMs, timeouts } = this.#limits;
    const timeoutMs = timeouts.get(identity.role) ?? timeouts.get('*');
    if (this.active >= max) {
      this.refusedTotal += 1;
      throw errors.EXPORTS_BUSY({ active: this.active });
    }
    this.active += 1;
    let isOver = false;
    const over = () => {
      if (!isOver) this.active -= 1;
      isOver = true;
    };
    const gone = new AbortController();
    const onClose = () => gone.abort();
    reply.raw.once('close', onClose);
    if (reply.raw.destroyed) gone.abort();
    try {
      const { body, ...from } = await this.#db.streams.copyOut({
        statement,
        identity,
        stallMs,
        signal: gone.signal,
        client,
        resetAfter: resetAfter ?? false,
        holder: { route },
        format: request.format,
        nullsStripped: request.nullsStripped,
        values: values === true,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(tidemark ? { tidemark } : {}),
        ...(request.statusLine ? { lastLine: statusLine } : {}),
      });
      body.once('close', over);
      this.#head(reply, request, from);
      return reply.send(body);
    } catch (error) {
      over();
      reply.raw.off('close', onClose);
      throw error;
    }
  }

  #head(reply: FastifyReply, request: ExportRequest, from: { tidemark: Tidemark; source: string }): void {
    const vary = reply.getHeader('vary');
    const applied = preferenceApplied(request.preferences);
    reply.headers({
      [TIDEMARK_HEADER]: from.tidemark,
      'tidemark-source': from.source,
      'cache-control': 'no-store',
      'cache-status': 'tidemark; fwd=bypass',
      'content-type': contentType(request.media),
      vary: vary ? `${vary}, ${VARY}` : VARY,
      ...(applied ? { 'preference-applied': applied } : {}),
      ...(request.filename ? { 'content-disposition': `attachment; filename="${request.filename}"` } : {}),
    });
  }
}

/** A reader distinguishes the line from a row by `@status`, which is no usual name of a column. */
function statusLine(rows: number, error: Error | undefined, { tidemark }: StreamSource): string {
  if (error === undefined) return JSON.stringify({ '@status': 'complete', rows, tidemark });
  const { code, hint, publicMessage } =
    error instanceof TidemarkError
      ? error
      : { code: 'GATEWAY_INTERNAL', hint: null, publicMessage: 'internal server error' };
  return JSON.stringify({ '@status': 'failed', rows, tidemark, code, message: publicMessage, hint });
}
