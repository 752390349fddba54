/** What the process that makes the load is asked for, and what it answers; over IPC, as JSON. */

export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The status that is right; another one is an error. */
  readonly status: number;
  /** Text that the right body has; a body without it is an error. Empty: the body must be empty. */
  readonly includes: string;
  /** For long bodies: the length of the right one, of which nothing is kept; `includes` is not looked at. */
  readonly bytes?: number;
}

export interface LoadOrder {
  readonly url: string;
  /** Sockets, each with one request in flight: the next one starts when the answer is there (closed loop). */
  readonly connections: number;
  readonly durationMs: number;
  /** Bound besides the time: answers in one order. */
  readonly maxRequests: number;
  /** Taken in turn, from the start. */
  readonly requests: readonly LoadRequest[];
}

export interface LoadResult {
  readonly completed: number;
  readonly errors: number;
  /** The first wrong answer, for people. */
  readonly firstError: string | null;
  /** From the first request to the last answer. */
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
