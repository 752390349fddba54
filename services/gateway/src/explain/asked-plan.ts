/** `Accept: application/vnd.pgrst.plan`: whether the plan of the statement is asked for, in place of its answer. */
import { contentType, type MediaKind, type PlanMedia, selectMediaType } from '@tidemark/query';
import { errors } from '../errors.ts';

const MARK = 'vnd.pgrst.plan';

/**
 * Undefined where something else is asked for, or liked better. `available`: what the answer could be.
 *
 * @throws GATEWAY_PLAN_DISABLED, PGRST107
 */
export function askedPlan(
  accept: string | undefined,
  available: readonly MediaKind[],
  enabled: boolean,
): PlanMedia | undefined {
  if (accept === undefined || !accept.includes(MARK)) return undefined;
  const media = selectMediaType(accept, [...available, 'plan']);
  if (media.kind !== 'plan') return undefined;
  // It would be refused with the answer’s own types, which does not say what to do.
  if (!enabled) throw errors.PLAN_DISABLED();
  selectMediaType(contentType(media.for), available);
  return media;
}
