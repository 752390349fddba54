import type { HealthAnswer } from '../health/answer.ts';

/** Services that answer questions about their connections and statements. */
const INSPECTED: ReadonlySet<string> = new Set(['gateway', 'realtime', 'batch']);

export const inspectedInstances = ({ instances }: Pick<HealthAnswer, 'instances'>): string[] =>
  instances
    .filter(({ service }) => INSPECTED.has(service))
    .map(({ instance }) => instance)
    .sort();
