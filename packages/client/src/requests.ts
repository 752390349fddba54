/** Requests to the endpoints other than tables: JSON in, JSON out, problems thrown as TidemarkError. */
import { problemOf, TidemarkError } from './errors.ts';
import type { Session } from './session.ts';

export class Requests {
  #url: string;
  #session: Session;

  constructor(url: string, session: Session) {
    this.#url = url;
    this.#session = session;
  }

  /** Resolves a path that the server has sent; the server does not know the address that its clients use. */
  absolute(path: string): string {
    return path.startsWith('/') ? `${this.#url}${path}` : path;
  }

  async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await this.#session.fetch(`${this.#url}${path}`, { ...init, method });
    } catch (cause) {
      if ((cause as Error).name === 'AbortError' || cause instanceof TidemarkError) throw cause;
      const hint = 'Check that the gateway is running and that this is its address.';
      const message = `${this.#url} cannot be reached`;
      throw new TidemarkError({ code: 'CLIENT_UNREACHABLE', message, hint, retry: true }, { cause });
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  async json<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return (await this.send(method, path, init)).json() as Promise<Answer>;
  }
}
