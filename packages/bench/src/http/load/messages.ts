/** Messages between the benchmark and its load process. */

export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The expected status; another one is an error. */
  readonly status: number;
  /** Text of the expected body; a body without it is an error. Empty: the body must be empty. */
  readonly includes: string;
  readonly bytes?: number;
}

export interface LoadOrder {
  readonly url: string;
  /** Sockets, each with one request in flight (closed loop). */
  readonly connections: number;
  readonly durationMs: number;
  readonly maxRequests: number;
  readonly requests: readonly LoadRequest[];
}

export interface LoadResult {
  readonly completed: number;
  readonly errors: number;
  readonly firstError: string | null;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
