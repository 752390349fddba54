/** `Accept: application/vnd.pgrst.plan`: whether the plan of the statement is asked for, in place of its answer. */
import { contentType, type MediaKind, type PlanMedia, selectMediaType } from '@tidemark/query';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';

const MARK = 'vnd.pgrst.plan';

/**
 * Undefined where something else is asked for, or liked better. `available`: what the answer could be.
 *
 * @throws GATEWAY_PLAN_DISABLED, GATEWAY_PLAN_ROLE, PGRST107
 */
export function askedPlan(
  accept: string | undefined,
  available: readonly MediaKind[],
  { DB_PLAN_ENABLED: enabled, planRoles }: Pick<Config, 'DB_PLAN_ENABLED' | 'planRoles'>,
  role: string,
): PlanMedia | undefined {
  if (accept === undefined || !accept.includes(MARK)) return undefined;
  const media = selectMediaType(accept, [...available, 'plan']);
  if (media.kind !== 'plan') return undefined;
  // It would be refused with the answer’s own types, which does not say what to do.
  if (!enabled) throw errors.PLAN_DISABLED();
  if (!planRoles.includes(role)) throw errors.PLAN_ROLE({ role });
  selectMediaType(contentType(media.for), available);
  return media;
}
