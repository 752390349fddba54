/** Streams the rows of a statement to the client, so many at a time. */
import { TIDEMARK_HEADER, type Tidemark, TidemarkError } from '@tidemark/contracts';
import type { Client, Database, Identity, Statement, StreamSource, StreamStats } from '@tidemark/db';
import { contentType, preferenceApplied } from '@tidemark/query';
import type { FastifyReply } from 'fastify';
import { errors } from '../../errors.ts';
import type { ExportRequest } from '../../request/export-request.ts';

export interface ExportLimits {
  /** At a time. */
  max: number;
  /** ms that a reader may leave what came unread. */
  stallMs: number;
  /** ms for a whole export, by role; `*`: any other. */
  timeouts: ReadonlyMap<string, number>;
}

export interface Export {
  request: ExportRequest;
  statement: Statement;
  identity: Identity;
  /** Of the request. */
  tidemark: Tidemark | undefined;
  route: string;
  /** Waiting for a connection ends when it goes. */
  client: Client;
  /** Values instead of rows: of a function of scalars. */
  values?: boolean;
}

/** What decides between representations of one URL, for caches on the way. */
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

  /** Replies once the first bytes are there: what fails before them is an error like any other. */
  async send(reply: FastifyReply, { request, statement, identity, tidemark, route, values, client }: Export) {
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
    // Also while nothing has come yet: a client that goes frees the connection.
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
        holder: { route },
        ...{ format: request.format, nullsStripped: request.nullsStripped, values: values === true },
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

/** `@status` is no name of a column that anyone gives: a reader tells the line from a row by it. */
function statusLine(rows: number, error: Error | undefined, { tidemark }: StreamSource): string {
  if (error === undefined) return JSON.stringify({ '@status': 'complete', rows, tidemark });
  const { code, hint, publicMessage } =
    error instanceof TidemarkError
      ? error
      : { code: 'GATEWAY_INTERNAL', hint: null, publicMessage: 'internal server error' };
  return JSON.stringify({ '@status': 'failed', rows, tidemark, code, message: publicMessage, hint });
}
