/** A problem document of the server, or a failure that the client detects itself. */
export interface Problem {
  /** The server's code (`PGRST…`, `RT_…`, `AUTH_…`, an SQLSTATE), or the client's: `CLIENT_…`. */
  code: string;
  message: string;
  hint?: string | undefined;
  details?: string | undefined;
  /** The HTTP status; 0 if there was no response. */
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

/** Details are a text, or a list such as the relationships of PGRST201. */
const detailsOf = (details: unknown): string | undefined =>
  typeof details === 'string' ? details : details ? JSON.stringify(details) : undefined;

/** Returns the response's problem+json as an error; for any other body (a proxy's page), an error with its status alone. */
export async function problemOf(response: Response): Promise<TidemarkError> {
  const retry = response.status === 503 || response.status === 429;
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Partial<Record<'code' | 'message' | 'hint', string | null>> & {
      details?: unknown;
    };
    return new TidemarkError({
      code: body.code ?? `HTTP_${response.status}`,
      message: body.message ?? response.statusText,
      hint: body.hint ?? undefined,
      details: detailsOf(body.details),
      status: response.status,
      retry,
    });
  } catch {
    const message = `${response.url} answered ${response.status} ${response.statusText}`;
    return new TidemarkError({ code: `HTTP_${response.status}`, message, status: response.status, retry });
  }
}
