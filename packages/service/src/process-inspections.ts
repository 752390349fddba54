import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Bus } from '@tidemark/bus';
import {
  MAX_WORKERS,
  type ProcessAnswer,
  ProcessRequest,
  type ThreadsAnswer,
  ThreadsRequest,
  type WorkerInfo,
} from '@tidemark/contracts';
import { collectGarbage } from './collect-garbage.ts';
import { authErrors, processErrors } from './errors.ts';
import { type HeapSnapshots, keepHeapSnapshots } from './heap-snapshot.ts';
import { profileMainThread } from './process-profile.ts';
import { verifyOperator } from './tokens/operator.ts';
import type { VerifyToken } from './tokens/verifier.ts';
import { profileWorkerThread, workerThreads } from './worker-threads.ts';

export interface WorkerProcesses {
  list(): WorkerInfo[];
  /** Undefined: there is no such process. */
  profile(pid: number, what: 'cpu' | 'heap', seconds: number): Promise<object> | undefined;
}

export interface ProcessInspectionsOptions {
  bus: Pick<Bus, 'answer' | 'subjects'>;
  instance: string;
  verifyToken: VerifyToken;
  /** INSPECT_HEAP; default: off. */
  inspectHeap?: 'off' | 'on';
  /** Processes that work for this one. */
  workers?: WorkerProcesses;
}

const SNAPSHOT_ROLE = 'service_role';
const compress = promisify(gzip);

/** Operators collect garbage, take profiles and snapshots, one at a time, and list the workers. The result ends it. */
export function answerProcessInspections(options: ProcessInspectionsOptions): () => void {
  const { bus, instance, verifyToken, workers } = options;
  const snapshots = options.inspectHeap === 'on' ? keepHeapSnapshots() : undefined;
  const profile = ({ what, seconds, worker }: ProcessRequest): Promise<object> => {
    const sampled = what === 'heap' ? 'heap' : 'cpu';
    if (worker === undefined) return profileMainThread(sampled, seconds);
    return workers?.profile(worker, sampled, seconds) ?? profileWorkerThread(worker, sampled, seconds);
  };
  const answers = [
    bus.answer(
      bus.subjects.inspect('process', instance),
      async (request: ProcessRequest): Promise<ProcessAnswer> => {
        const { role } = await verifyOperator(verifyToken, request.token);
        const { what } = request;
        const file = what === 'snapshot' ? await snapshot(snapshots, instance, role) : undefined;
        const freedBytes = what === 'gc' ? await collectGarbage() : 0;
        const sampled = what === 'cpu' || what === 'heap' ? await packed(await profile(request)) : null;
        const { heapUsed } = process.memoryUsage();
        return { freedBytes, heapUsedBytes: heapUsed, profile: sampled, ...(file && { file }) };
      },
      { schema: ProcessRequest, concurrency: 1 },
    ),
    bus.answer(
      bus.subjects.inspect('threads', instance),
      async ({ token }: ThreadsRequest): Promise<ThreadsAnswer> => {
        await verifyOperator(verifyToken, token);
        return { workers: [...(workers?.list() ?? []), ...(await workerThreads())].slice(0, MAX_WORKERS) };
      },
      { schema: ThreadsRequest, concurrency: 1 },
    ),
  ];
  return () => {
    snapshots?.stop();
    for (const answer of answers) answer.unsubscribe();
  };
}

function snapshot(snapshots: HeapSnapshots | undefined, instance: string, role: string) {
  if (role !== SNAPSHOT_ROLE) throw authErrors.FORBIDDEN({ role, needed: SNAPSHOT_ROLE });
  if (!snapshots) throw processErrors.SNAPSHOT_OFF();
  return snapshots.write(instance);
}

/** A profile of 30 s is up to 2 MB of JSON; NATS takes 1 MB. */
const packed = async (profile: object) => (await compress(JSON.stringify(profile))).toString('base64');
