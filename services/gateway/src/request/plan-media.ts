import { contentType, type MediaKind, type PlanMedia, selectMediaType } from '@tidemark/query';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';

const MARK = 'vnd.pgrst.plan';

export function askedPlan(
  accept: string | undefined,
  available: readonly MediaKind[],
  { DB_PLAN_ENABLED: enabled, planRoles }: Pick<Config, 'DB_PLAN_ENABLED' | 'planRoles'>,
  role: string,
): PlanMedia | undefined {
  if (accept === undefined || !accept.includes(MARK)) return undefined;
  const media = selectMediaType(accept, [...available, 'plan']);
  if (media.kind !== 'plan') return undefined;
  // Without this check the media type would be refused, with no hint about the setting.
  if (!enabled) throw errors.PLAN_DISABLED();
  if (!planRoles.includes(role)) throw errors.PLAN_ROLE({ role });
  selectMediaType(contentType(media.for), available);
  return media;
}
