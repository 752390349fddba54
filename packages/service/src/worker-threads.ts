/** The worker threads of this process, as V8's inspector sees them from the main thread. */
import { Session } from 'node:inspector/promises';
import type { WorkerInfo } from '@tidemark/contracts';
import { processErrors } from './errors.ts';
import { type PostToThread, profileThread } from './process-profile.ts';

interface Attached {
  sessionId: string;
  workerInfo: { workerId: string; title: string; url: string };
}

/** The inspector numbers threads anew in each session; the title, `[worker 7]`, has the id that Node gave it. */
const idOf = ({ workerInfo: { title } }: Attached) => Number(/\d+/.exec(title)?.[0] ?? 0);

export function workerThreads(): Promise<WorkerInfo[]> {
  return attached(async (_session, threads) =>
    threads.map((thread) => {
      const { url, title } = thread.workerInfo;
      return {
        id: idOf(thread),
        kind: 'thread',
        name: (url.slice(url.lastIndexOf('/') + 1) || title).slice(0, 200),
        state: 'running',
        job: null,
        jobKind: null,
        item: null,
        sinceMs: null,
        tasks: null,
        residentBytes: null,
      };
    }),
  );
}

/** Resolves to the profile of that thread. @throws PROCESS_NO_WORKER */
export function profileWorkerThread(id: number, what: 'cpu' | 'heap', seconds: number): Promise<object> {
  return attached(async (session, threads) => {
    const thread = threads.find((one) => idOf(one) === id);
    if (!thread) throw processErrors.NO_WORKER({ id, known: threads.map((one) => String(idOf(one))) });
    return profileThread(postTo(session, thread.sessionId), what, seconds);
  });
}

async function attached<T>(use: (session: Session, threads: Attached[]) => Promise<T>): Promise<T> {
  const session = new Session();
  session.connect();
  const threads: Attached[] = [];
  session.on('NodeWorker.attachedToWorker', ({ params }) => threads.push(params));
  try {
    // It announces the threads that run before it answers.
    await session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return await use(session, threads);
  } finally {
    await session.post('NodeWorker.disable').catch(() => undefined);
    session.disconnect();
  }
}

const ENDED = 'the thread has ended';

interface Reply {
  id?: number;
  result?: object;
  error?: { message: string };
}

function postTo(session: Session, sessionId: string): PostToThread {
  const pending = new Map<number, { resolve: (result: object) => void; reject: (error: Error) => void }>();
  let last = 0;
  let hasEnded = false;
  session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
    if (params.sessionId !== sessionId) return;
    const { id, result = {}, error } = JSON.parse(params.message) as Reply;
    const asked = id === undefined ? undefined : pending.get(id);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  });
  session.on('NodeWorker.detachedFromWorker', (message) => {
    if (message.params.sessionId !== sessionId) return;
    hasEnded = true;
    for (const { reject } of pending.values()) reject(new Error(ENDED));
  });
  return async (method, params) => {
    const id = ++last;
    const answered = new Promise<object>((resolve, reject) => pending.set(id, { resolve, reject }));
    try {
      // The inspector drops what is sent to a thread that has ended, without an error.
      if (hasEnded) throw new Error(ENDED);
      await session.post('NodeWorker.sendMessageToWorker', {
        sessionId,
        message: JSON.stringify({ id, method, params }),
      });
      return await answered;
    } catch (cause) {
      throw processErrors.THREAD({ reason: (cause as Error).message }, { cause });
    } finally {
      pending.delete(id);
    }
  };
}
