import type { Refusal } from './connection-state.ts';

/** The page is at <base>/console/<page>, the APIs at <base>/api/ and <base>/rest/. A worker has no document, and is told. */
const BASE = typeof document === 'undefined' ? '' : document.baseURI;
export const PERFORMANCE_API = BASE && new URL('../api/v1/performance/', BASE).href;
export const GATEWAY = BASE && new URL('../', BASE).href;

export class ApiError extends Error {
  readonly refusal: Refusal;
  readonly status: number;
  /** A retry with a refused token cannot succeed. */
  readonly tokenRefused: boolean;

  constructor(refusal: Refusal, status: number) {
    super(refusal.message);
    this.refusal = refusal;
    this.status = status;
    this.tokenRefused = status === 401 || status === 403;
  }
}

export interface RequestOptions {
  token: string;
  signal?: AbortSignal | undefined;
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** @throws ApiError with what the service says is wrong, and what to do */
export async function request(url: string, options: RequestOptions): Promise<Response> {
  const { token, signal, method = 'GET', body, headers } = options;
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    cache: 'no-store',
    signal: signal ?? null,
  });
  if (response.ok) return response;
  // A reply without JSON comes from a proxy; the status is reported below.
  const problem = (await response.json().catch(() => ({}))) as {
    code?: string;
    message?: string;
    hint?: string | null;
  };
  if (
    response.status === 404 &&
    url.startsWith(GATEWAY) &&
    !url.startsWith(PERFORMANCE_API) &&
    isWithoutGateway(problem)
  )
    throw new ApiError(WITHOUT_GATEWAY, response.status);
  const refusal = {
    message: problem.message ?? `the service answered ${response.status} ${response.statusText}`,
    hint: problem.hint ?? null,
  };
  throw new ApiError(refusal, response.status);
}

/** The metrics service serves the console on its own port, too, and has no tables, jobs or sockets there. */
const WITHOUT_GATEWAY: Refusal = {
  message: 'this address is that of the metrics service, which has no tables and no jobs',
  hint: 'Open the console at the address of the gateway: `npx --no -- tidemark console` prints a link.',
};
const isWithoutGateway = ({ code }: { code?: string }) => code === 'HTTP_NOT_FOUND';

/** Returns what an error says to a person. A failed fetch has no words of its own. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'the service cannot be reached';
  return [error.refusal.message, error.refusal.hint].filter(Boolean).join('. ');
}
