/**
 * Reads for many clients at little cost: `fetch` takes most of a millisecond for each answer, and the clients share this machine
 * with the stack. They ask for compressed answers, as browsers do, and leave them compressed.
 */
import { Pool } from 'undici';
import { errors } from '../errors.ts';
import { isRefused, pauseBefore } from './patient-fetch.ts';

export class LightReader {
  readonly #pool: Pool;
  readonly #schema: string;
  /** How many answers asked to come again. */
  refused = 0;

  constructor(url: string, clients: number, schema: string) {
    this.#pool = new Pool(url, { connections: clients, pipelining: 1 });
    this.#schema = schema;
  }

  /** Returns where the answer came from. @throws CLI_PLAY_FAILED with the answer's own words */
  async get(token: string, path: string): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      const { statusCode, headers, body } = await this.#pool.request({
        path,
        method: 'GET',
        headers: { authorization: `Bearer ${token}`, 'accept-profile': this.#schema, 'accept-encoding': 'gzip' },
      });
      const bytes = await body.arrayBuffer();
      if (statusCode === 200 || statusCode === 206) return String(headers['tidemark-source'] ?? 'unknown');
      if (!isRefused(statusCode, attempt)) {
        const text = Buffer.from(bytes).toString().slice(0, 500);
        throw errors.PLAY_FAILED({ reason: `GET ${path.slice(0, 200)}: ${statusCode} ${text}` });
      }
      this.refused += 1;
      await pauseBefore(headers['retry-after']?.toString());
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
