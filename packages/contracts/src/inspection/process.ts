/** A profile of the time or memory that a process uses, a collection of its garbage, or a snapshot of its heap. */
import { type Static, Type } from 'typebox';
import { OperatorToken, OrNull } from './operator.ts';

export const MAX_PROFILE_SECONDS = 30;

export const ProcessRequest = Type.Object({
  token: OperatorToken,
  what: Type.Enum(['gc', 'cpu', 'heap', 'snapshot'], {
    description:
      'collect garbage, sample the processor, sample allocations that are still in use, or write the whole heap to a file',
  }),
  seconds: Type.Integer({
    minimum: 0,
    maximum: MAX_PROFILE_SECONDS,
    description: 'duration of the sampling; 0 for gc and snapshot',
  }),
  worker: Type.Optional(
    Type.Integer({ minimum: 1, description: 'a worker thread or process by its id; default: the main thread' }),
  ),
});
export type ProcessRequest = Static<typeof ProcessRequest>;

/** The file stays on the host of the instance, because it has every secret and row that the process knows. */
export const SnapshotFile = Type.Object({
  path: Type.String({ description: 'on the host of the instance, readable by its user only' }),
  bytes: Type.Integer(),
  expiresAt: Type.Integer({ description: 'ms since 1970: the instance deletes it then' }),
});
export type SnapshotFile = Static<typeof SnapshotFile>;

export const ProcessAnswer = Type.Object({
  /** The bytes by which the heap became smaller; 0 for a profile. */
  freedBytes: Type.Number(),
  heapUsedBytes: Type.Number(),
  profile: OrNull(
    Type.String({ description: 'gzip in base64 of a .cpuprofile or .heapprofile, as Chrome reads them' }),
  ),
  file: Type.Optional(SnapshotFile),
});
export type ProcessAnswer = Static<typeof ProcessAnswer>;

export const ThreadsRequest = Type.Object({ token: OperatorToken });
export type ThreadsRequest = Static<typeof ThreadsRequest>;

export const WorkerInfo = Type.Object({
  id: Type.Integer({ description: 'of `worker` in profile; the pid of a process' }),
  kind: Type.Enum(['thread', 'process']),
  name: Type.String({ maxLength: 200, description: 'the file that it runs' }),
  state: Type.Enum(['running', 'busy', 'idle', 'starting'], {
    description: 'running: a thread, whose work is not known',
  }),
  job: OrNull(Type.String()),
  jobKind: OrNull(Type.String()),
  item: OrNull(Type.Integer({ description: 'its index in the job' })),
  sinceMs: OrNull(Type.Number({ description: 'for how long it has been busy with the item' })),
  tasks: OrNull(Type.Integer({ description: 'items since its start' })),
  residentBytes: OrNull(Type.Number({ description: 'after its last item' })),
});
export type WorkerInfo = Static<typeof WorkerInfo>;

export const MAX_WORKERS = 256;
export const ThreadsAnswer = Type.Object({ workers: Type.Array(WorkerInfo, { maxItems: MAX_WORKERS }) });
export type ThreadsAnswer = Static<typeof ThreadsAnswer>;
