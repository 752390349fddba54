/** A gateway with small limits for files, and how its users speak to /api/v1/files. */
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Test } from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

/** Bytes of a file. */
export const LIMIT = 300_000;
export const ada = { role: 'authenticated', sub: 'ada' };
export const bob = { role: 'authenticated', sub: 'bob' };
export const service = { role: 'service_role' };
export const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');

export interface Shown {
  id: string;
  path: string;
  [name: string]: unknown;
}
export type Claims = Record<string, unknown>;

/** `stored`: how many files are in the folder. */
export async function useFiles(t: Test) {
  const gateway = await useGateway(t, {
    env: {
      FILES_MAX_BYTES: String(LIMIT),
      FILES_STALL_TIMEOUT_MS: '700',
      FILES_UPLOADS_MAX: '3',
      FILES_PER_FORM: '3',
    },
  });

  /** Adds no Content-Type, unlike the request of the gateway's fixture. */
  async function request(path: string, { claims, ...init }: RequestInit & { claims?: Claims } = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (claims) headers.set('authorization', `Bearer ${await gateway.token(claims)}`);
    return fetch(`${gateway.url}${path}`, { ...init, headers });
  }

  async function send(
    path: string,
    body: RequestInit['body'],
    type: string | undefined,
    claims: Claims | undefined = ada,
    more = {},
  ) {
    return request(`/api/v1/files/${path}`, {
      method: 'PUT',
      body,
      ...(claims ? { claims } : {}),
      headers: { ...(type === undefined ? {} : { 'content-type': type }), ...more },
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    } as never);
  }
  const get = (path: string, headers: Record<string, string> = {}, claims: Claims | null = ada, method = 'GET') =>
    request(path, { method, headers, ...(claims ? { claims } : {}) });
  const stored = async () =>
    (await readdir(gateway.filesDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
      .length;

  /** Sends the line as it is, which fetch would normalize. Ends when the server closes or a whole answer has come. */
  function rawRequest(line: string, token: string, body: string, declared = body.length): Promise<string> {
    return exchange([line, `authorization: Bearer ${token}`], body, declared);
  }

  /** The start of a form (boundary b), of which nothing more comes. */
  function rawForm(path: string, token: string | undefined, body: string): Promise<string> {
    const authorization = token === undefined ? [] : [`authorization: Bearer ${token}`];
    return exchange([`POST ${path}`, 'content-type: multipart/form-data; boundary=b', ...authorization], body, 100_000);
  }

  function exchange([line, ...headers]: string[], body: string, declared: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8').on('error', reject);
      socket.on('data', (chunk) => {
        text += chunk;
        const [head, rest] = text.split('\r\n\r\n', 2);
        const length = Number(/content-length: (\d+)/i.exec(head ?? '')?.[1]);
        if (rest !== undefined && Buffer.byteLength(rest) >= length) socket.destroy();
      });
      socket.on('close', () => resolve(text));
      const head = [`${line} HTTP/1.1`, 'host: x', ...headers, `content-length: ${declared}`];
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    });
  }

  return { ...gateway, request, send, get, stored, rawForm, rawRequest };
}

export const code = async (response: Response) => ((await response.json()) as { code: string }).code;
