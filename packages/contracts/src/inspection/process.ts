/** A profile of the time or memory that the process of an instance uses, or a collection of its garbage. */
import { type Static, Type } from 'typebox';
import { OperatorToken, OrNull } from './operator.ts';

export const MAX_PROFILE_SECONDS = 30;

export const ProcessRequest = Type.Object({
  token: OperatorToken,
  what: Type.Enum(['gc', 'cpu', 'heap'], {
    description: 'collect garbage, sample the processor, or sample allocations that are still in use',
  }),
  seconds: Type.Integer({ minimum: 0, maximum: MAX_PROFILE_SECONDS, description: 'of sampling; 0 for gc' }),
});
export type ProcessRequest = Static<typeof ProcessRequest>;

export const ProcessAnswer = Type.Object({
  /** The bytes by which the heap became smaller; 0 for a profile. */
  freedBytes: Type.Number(),
  heapUsedBytes: Type.Number(),
  profile: OrNull(
    Type.String({ description: 'gzip in base64 of a .cpuprofile or .heapprofile, as Chrome reads them' }),
  ),
});
export type ProcessAnswer = Static<typeof ProcessAnswer>;
