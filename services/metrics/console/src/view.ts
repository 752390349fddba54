/** What every panel draws from. */
import type { HealthAnswer } from '../../src/health/answer.ts';
import type { Recent } from './live/recent.ts';
import type { Line } from './parts/chart.tsx';

export interface View {
  health: HealthAnswer;
  recent: Recent;
  token: string;
}

export type Instance = HealthAnswer['instances'][number];

export const ofService = ({ health }: View, service: string): Instance[] =>
  health.instances.filter((instance) => instance.service === service);

export const keyOf = ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`;

/** The sum of a figure's newest samples over a service's instances; null when none has it. */
export function total({ health }: View, figure: string, service = ''): number | null {
  const values = Object.entries(health.samples)
    .filter(([name, value]) => value !== null && (name === figure || name.startsWith(`${figure}@${service}`)))
    .map(([, value]) => value as number);
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0);
}

export function greatest(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

/** `gateway/gateway-1` is `gateway-1`: the service's name is said already, in the instance's or by the panel. */
export const short = (label: string) => label.replace(/^(\w+)\/(?=\1\b)/, '');

/** The lines of one figure, one for each label. */
export const linesOf = ({ recent }: View, figure: string, service = '', own = ''): Line[] =>
  recent
    .of(figure)
    .filter(({ label }) => label.startsWith(service))
    .map(({ label, values }) => ({ label: short(label) || own, values }));
