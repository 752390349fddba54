import type { HealthAnswer } from '../../src/health/answer.ts';
import type { SeriesWindow } from './live/series-window.ts';
import type { Line } from './parts/chart.tsx';

export interface View {
  health: HealthAnswer;
  recent: SeriesWindow;
  token: string;
}

export type Instance = HealthAnswer['instances'][number];

export const instancesOf = ({ health }: View, service: string): Instance[] =>
  health.instances.filter((instance) => instance.service === service);

export const keyOf = ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`;

export function sumOf({ health }: View, figure: string, service = ''): number | null {
  const values = Object.entries(health.samples)
    .filter(([name, value]) => value !== null && (name === figure || name.startsWith(`${figure}@${service}`)))
    .map(([, value]) => value as number);
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0);
}

export function maxOf(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

/** Shortens `gateway/gateway-1` to `gateway-1`, which already contains the service. */
export const shortLabel = (label: string) => label.replace(/^(\w+)\/(?=\1\b)/, '');

/** `own` is the name of a line without label. */
export const linesOf = ({ recent }: View, figure: string, service = '', own = ''): Line[] =>
  recent
    .of(figure)
    .filter(({ label }) => label.startsWith(service))
    .map(({ label, values }) => ({ label: shortLabel(label) || own, values }));
