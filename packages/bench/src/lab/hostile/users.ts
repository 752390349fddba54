/** Ordinary users beside the attackers: each has a token and an address, reads, writes and follows its own row. */
import { SignJWT } from 'jose';
import { Agent, request } from 'undici';
import { pause } from '../../measuring/waiting.ts';
import { SECRET } from '../setup/gateway.ts';

export interface UserAnswer {
  readonly user: number;
  /** The time of the answer, as performance.now() gives it. */
  readonly at: number;
  readonly ms: number;
  /** 0: no answer came. */
  readonly status: number;
}

export interface Users {
  readonly answers: readonly UserAnswer[];
  stop(): Promise<void>;
}

/** Between two requests of a user. */
const THINK_MS = 20;
const ANSWER_MS = 30_000;

/** The first user has no token, and an address that no attacker has. */
export async function startUsers(url: string, count: number): Promise<Users> {
  const answers: UserAnswer[] = [];
  let isOver = false;

  async function live(user: number): Promise<void> {
    const key = new TextEncoder().encode(SECRET);
    const claims = new SignJWT({ role: 'authenticated', sub: `user ${user}` });
    const token = user === 0 ? undefined : await claims.setProtectedHeader({ alg: 'HS256' }).sign(key);
    const agent = new Agent({
      connections: 1,
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      // Linux takes the whole of 127.0.0.0/8 for its own.
      ...(process.platform === 'linux' && { localAddress: `127.0.1.${user + 1}` }),
    });
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    for (let n = 0; !isOver; n += 1) {
      const began = performance.now();
      const status = await ask(n).catch(() => 0);
      const at = performance.now();
      answers.push({ user, at, ms: at - began, status });
      await pause(THINK_MS);
    }
    await agent.destroy();

    async function ask(n: number): Promise<number> {
      const isRead = n % 3 !== 0;
      const answer = isRead
        ? await request(`${url}/rest/v1/entries?id=eq.key-${n % 100}`, { dispatcher: agent, headers })
        : await request(`${url}/rest/v1/posts`, {
            dispatcher: agent,
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json', prefer: 'return=minimal' },
            body: JSON.stringify({ id: `user-${user}-${n}`, owner: `user ${user}`, note: 'a note' }),
          });
      await answer.body.dump();
      return answer.statusCode;
    }
  }

  const running = Array.from({ length: count }, (_, user) => live(user));
  return {
    answers,
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}
