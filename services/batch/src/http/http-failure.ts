/** A call that has no response to judge. */
export class HttpFailure extends Error {
  readonly failure: { code: string; message: string; hint: string | null; retry: boolean };

  constructor(
    code: string,
    message: string,
    { hint = null, retry = false }: { hint?: string | null; retry?: boolean } = {},
  ) {
    super(message);
    this.name = 'HttpFailure';
    this.failure = { code, message, hint, retry };
  }
}
