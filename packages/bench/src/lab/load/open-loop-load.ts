/** Load that does not wait for answers: so many requests a second are sent, whatever becomes of those before. */
import { Agent } from 'undici';

export interface OfferedAnswer {
  /** 0: none came. */
  readonly status: number;
  readonly retryAfter: boolean;
  /** From when it was due, so that a client that falls behind hides nothing. */
  readonly ms: number;
  /** Since the load began. */
  readonly at: number;
}

export interface OfferedLoad {
  readonly url: string;
  readonly perSecond: number;
  readonly ms: number;
}

/** Sockets: as many as requests may be on their way; more wait here, which their times include. */
const CONNECTIONS = 3_000;
const TICK_MS = 5;
const HANGS_MS = 15_000;

export async function offer({ url, perSecond, ms }: OfferedLoad): Promise<OfferedAnswer[]> {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, headersTimeout: HANGS_MS, bodyTimeout: HANGS_MS });
  const { origin, pathname, search } = new URL(url);
  const answers: OfferedAnswer[] = [];
  const began = performance.now();
  let sent = 0;
  let settled: (() => void) | undefined;

  function send(due: number): void {
    const done = (status: number, retryAfter: boolean) => {
      const now = performance.now();
      answers.push({ status, retryAfter, ms: now - due, at: now - began });
      if (answers.length === sent) settled?.();
    };
    agent
      .request({ origin, path: pathname + search, method: 'GET' })
      .then(({ statusCode, headers, body }) =>
        body.dump().then(() => done(statusCode, headers['retry-after'] !== undefined)),
      )
      .catch(() => done(0, false));
  }
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(ms, performance.now() - began);
      for (; sent < (elapsed / 1_000) * perSecond; sent += 1) send(began + (sent / perSecond) * 1_000);
      if (elapsed >= ms) {
        clearInterval(timer);
        resolve();
      }
    }, TICK_MS);
  });
  if (answers.length < sent) {
    await new Promise<void>((resolve) => {
      settled = resolve;
    });
  }
  await agent.destroy();
  return answers;
}

/** Answers a second when each client waits for its answer before it asks again: what the server can do. */
export async function capacity(url: string, clients: number, ms: number): Promise<number> {
  const agent = new Agent({ connections: clients, pipelining: 1 });
  const { origin, pathname, search } = new URL(url);
  const until = performance.now() + ms;
  const began = performance.now();
  let answered = 0;
  const client = async () => {
    while (performance.now() < until) {
      const { statusCode, body } = await agent.request({ origin, path: pathname + search, method: 'GET' });
      await body.dump();
      if (statusCode === 200) answered += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const elapsed = performance.now() - began;
  await agent.destroy();
  return (answered / elapsed) * 1_000;
}
