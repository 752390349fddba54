import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Bus } from '@tidemark/bus';
import { type ProcessAnswer, ProcessRequest } from '@tidemark/contracts';
import { collectGarbage } from './collect-garbage.ts';
import { profileCpu, profileHeap } from './process-profile.ts';
import { verifyOperator } from './tokens/operator.ts';
import type { VerifyToken } from './tokens/verifier.ts';

export interface ProcessInspectionsOptions {
  bus: Pick<Bus, 'answer' | 'subjects'>;
  instance: string;
  verifyToken: VerifyToken;
}

const compress = promisify(gzip);

/** Operators collect garbage and take profiles, one at a time. The result ends it. */
export function answerProcessInspections({ bus, instance, verifyToken }: ProcessInspectionsOptions): () => void {
  const answer = bus.answer(
    bus.subjects.inspect('process', instance),
    async ({ token, what, seconds }: ProcessRequest): Promise<ProcessAnswer> => {
      await verifyOperator(verifyToken, token);
      const freedBytes = what === 'gc' ? await collectGarbage() : 0;
      const profile = what === 'gc' ? null : await packed(await (what === 'cpu' ? profileCpu : profileHeap)(seconds));
      return { freedBytes, heapUsedBytes: process.memoryUsage().heapUsed, profile };
    },
    { schema: ProcessRequest, concurrency: 1 },
  );
  return () => answer.unsubscribe();
}

/** A profile of 30 s is up to 2 MB of JSON; NATS takes 1 MB. */
const packed = async (profile: object) => (await compress(JSON.stringify(profile))).toString('base64');
