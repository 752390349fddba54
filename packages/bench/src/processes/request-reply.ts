/** One request runs at a time. */
import type { ChildProcess } from 'node:child_process';
import { errors } from '../errors.ts';

export async function request<Reply>(child: ChildProcess, message: object, timeoutMs = 90_000): Promise<Reply> {
  const reply = await new Promise<Reply | Failure>((resolve) => {
    const settle = (result: unknown) => {
      clearTimeout(timer);
      child.off('exit', exited).off('message', settle);
      resolve(result as Reply);
    };
    const fail = (reason: string) => settle({ type: 'failed', message: reason } satisfies Failure);
    const exited = (code: number | null) => fail(`it ended with ${code}`);
    const timer = setTimeout(() => fail(`no reply within ${timeoutMs / 1_000} s`), timeoutMs);
    child.on('exit', exited).on('message', settle);
    child.send(message, (error) => error && fail(error.message));
  });
  if (isFailure(reply)) throw errors.LOAD_ENDED({ reason: reply.message });
  return reply;
}

interface Failure {
  readonly type: 'failed';
  readonly message: string;
}

const isFailure = (reply: unknown): reply is Failure => (reply as { type?: string }).type === 'failed';
