/** A client for the gateway that `npm start` runs, or for the one at TIDEMARK_URL with TIDEMARK_TOKEN. */
import { readFile } from 'node:fs/promises';
import { createClient } from '@tidemark/client';
import { WebSocket } from 'ws';

export async function connect() {
  const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8080';
  const credentials = new URL('../../../.tidemark/credentials.json', import.meta.url);
  const token = process.env.TIDEMARK_TOKEN ?? JSON.parse(await readFile(credentials, 'utf8')).user;
  // Node 22 and browsers have a WebSocket of their own.
  const claims = JSON.parse(atob(token.split('.')[1]));
  return Object.assign(createClient(url, { token, WebSocket }), { claims });
}
