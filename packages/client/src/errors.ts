/** What every call of the client throws, and what ends a live query: the server's problem, or one of the client's own. */
export interface Problem {
  /** The server's code (`PGRST…`, `RT_…`, `AUTH_…`, an SQLSTATE), or the client's: `CLIENT_…`. */
  code: string;
  message: string;
  /** The remedy. */
  hint?: string | undefined;
  details?: string | undefined;
  /** The HTTP status; 0 where there was no answer. */
  status?: number;
  /** Whether the same call may succeed later. */
  retry?: boolean;
}

export class TidemarkError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: string | undefined;
  readonly status: number;
  readonly retry: boolean;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.hint === undefined ? problem.message : `${problem.message}. ${problem.hint}`, options);
    this.name = 'TidemarkError';
    this.code = problem.code;
    this.hint = problem.hint;
    this.details = problem.details;
    this.status = problem.status ?? 0;
    this.retry = problem.retry ?? false;
  }
}

/** The problem+json of an answer that is no success, or what can be said without one (a proxy's page). */
export async function problemOf(response: Response): Promise<TidemarkError> {
  const retry = response.status === 503 || response.status === 429;
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Partial<Record<'code' | 'message' | 'hint' | 'details', string | null>>;
    return new TidemarkError({
      code: body.code ?? `HTTP_${response.status}`,
      message: body.message ?? response.statusText,
      hint: body.hint ?? undefined,
      details: body.details ?? undefined,
      status: response.status,
      retry,
    });
  } catch {
    const message = `${response.url} answered ${response.status} ${response.statusText}`;
    return new TidemarkError({ code: `HTTP_${response.status}`, message, status: response.status, retry });
  }
}
