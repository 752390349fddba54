/** The ground of a story: the addresses and tokens of a running stack, its clients, and the terminal. */
import { createClient, type TidemarkClient } from '@tidemark/client';
import { WebSocket } from 'ws';
import { errors } from '../errors.ts';
import { bar, number } from '../jobs/bar.ts';
import { signToken } from '../token.ts';
import { patientFetch } from './patient-fetch.ts';

export interface StageOptions {
  readonly url: string;
  readonly secret: string;
  /** 1: the sizes of the claims. */
  readonly scale: number;
  print(line: string): void;
  redraw?: ((line: string) => void) | undefined;
}

export type Claims = Readonly<Record<string, unknown>>;

/** Longer than a story at full size takes. */
const TOKEN_S = 3_600;
const REDRAW_MS = 100;

export class Stage {
  readonly url: string;
  readonly scale: number;
  /** Distinguishes this performance from others in the same database. */
  readonly run = Date.now().toString(36);
  readonly #options: StageOptions;
  readonly #clients = new Set<TidemarkClient>();
  readonly #patient = patientFetch();
  /** The present part of the story, for the row of progress. */
  step = '';
  done = 0;
  total = 0;
  #drawnAt = 0;

  constructor(options: StageOptions) {
    this.#options = options;
    this.url = options.url.replace(/\/+$/, '');
    this.scale = options.scale;
  }

  /** A number at the scale, and never below the least with which the story says anything. */
  size(full: number, least: number): number {
    return Math.max(least, Math.round(full * this.scale));
  }

  token(role: string, sub: string, claims: Claims = {}): Promise<string> {
    return signToken(this.#options.secret, { role, sub, claims, expiresIn: TOKEN_S });
  }

  /** A client of a user; `close()` of the stage closes it. A patient one comes again where the stack asks for it. */
  async client(
    sub: string,
    options: { role?: string; claims?: Claims; schema?: string; WebSocket?: unknown; isPatient?: boolean } = {},
  ): Promise<TidemarkClient> {
    const token = await this.token(options.role ?? 'authenticated', sub, options.claims);
    const client = createClient(this.url, {
      token,
      WebSocket: options.WebSocket ?? WebSocket,
      ...(options.isPatient === false ? {} : { fetch: this.#patient.fetch }),
      ...(options.schema === undefined ? {} : { schema: options.schema }),
    });
    this.#clients.add(client);
    return client;
  }

  /** @throws CLI_PLAY_FAILED with the answer's own words */
  async request(token: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token}`);
    const response = await this.#patient.fetch(`${this.url}${path}`, { ...init, headers });
    if (response.ok) return response;
    const text = (await response.text()).slice(0, 500);
    throw errors.PLAY_FAILED({ reason: `${init.method ?? 'GET'} ${path.slice(0, 200)}: ${response.status} ${text}` });
  }

  async json<T>(token: string, path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.request(token, path, init)).json()) as T;
  }

  /** How many requests were told to come again later, and did. */
  get refused(): number {
    return this.#patient.refused();
  }

  /** A figure of the performance API, with the rights of an operator. */
  async performance<T>(path: string): Promise<T> {
    return this.json<T>(await this.token('ops', 'ops'), `/api/v1/performance/${path}`);
  }

  say(line: string): void {
    this.#options.print(line);
  }

  /** Draws how far a part of the story is, in one line of the terminal. `more` is asked only when it is drawn. */
  draw(what: string, done: number, of: number, more: () => string = () => ''): void {
    Object.assign(this, { step: what, done, total: of });
    const { redraw } = this.#options;
    const now = Date.now();
    if (!redraw || (now - this.#drawnAt < REDRAW_MS && done < of)) return;
    this.#drawnAt = now;
    redraw(
      `${bar(of === 0 ? 1 : Math.min(1, done / of))} ${number(done)} of ${number(of)} ${what}  ${more()}`.trimEnd(),
    );
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** Returns the rows of a request of the client. @throws CLI_PLAY_FAILED */
export async function rowsOf<T>(
  request: PromiseLike<{ data: unknown; error: { message: string; code?: string } | null }>,
): Promise<T[]> {
  const { data, error } = await request;
  if (error) throw errors.PLAY_FAILED({ reason: `${error.code ?? ''} ${error.message}`.trim() });
  return (data ?? []) as T[];
}
