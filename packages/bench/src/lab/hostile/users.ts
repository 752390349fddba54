import { Agent, request } from 'undici';
import { repeat } from '../../measuring/loops.ts';
import { pause } from '../../measuring/waiting.ts';
import { signToken } from '../../processes/services.ts';

export interface UserResponse {
  readonly user: number;
  readonly at: number;
  readonly ms: number;
  readonly status: number;
}

export interface Users {
  readonly responses: readonly UserResponse[];
  stop(): Promise<void>;
}

const THINK_MS = 20;
const RESPONSE_MS = 30_000;

/** The first user has no token, but an address that no attacker has. */
export function startUsers(url: string, count: number): Users {
  const responses: UserResponse[] = [];
  const users = Array.from({ length: count }, (_, user) => {
    const token = user === 0 ? undefined : signToken({ sub: `user ${user}` });
    const dispatcher = new Agent({
      connections: 1,
      headersTimeout: RESPONSE_MS,
      bodyTimeout: RESPONSE_MS,
      // Linux routes all of 127.0.0.0/8 to itself.
      ...(process.platform === 'linux' && { localAddress: `127.0.1.${user + 1}` }),
    });
    let n = 0;
    const send = async (): Promise<number> => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${await token}` };
      const response =
        n % 3 !== 0
          ? await request(`${url}/rest/v1/entries?id=eq.key-${n % 100}`, { dispatcher, headers })
          : await request(`${url}/rest/v1/posts`, {
              dispatcher,
              method: 'POST',
              headers: { ...headers, 'content-type': 'application/json', prefer: 'return=minimal' },
              body: JSON.stringify({ id: `user-${user}-${n}`, owner: `user ${user}`, note: 'a note' }),
            });
      await response.body.dump();
      return response.statusCode;
    };
    const loop = repeat(async () => {
      const startedAt = performance.now();
      const status = await send().catch(() => 0);
      n += 1;
      const at = performance.now();
      responses.push({ user, at, ms: at - startedAt, status });
      await pause(THINK_MS);
    });
    return { stop: () => loop.stop().then(() => dispatcher.destroy()) };
  });
  return {
    responses,
    stop: async () => void (await Promise.all(users.map((user) => user.stop()))),
  };
}
