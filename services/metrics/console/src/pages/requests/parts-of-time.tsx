/** The parts of the time that a request took. */
import type { RequestRecord } from '@tidemark/contracts';
import { format } from '../../quantities.tsx';

export type Record = RequestRecord & { instance: string };
type Parts = RequestRecord['parts'];

export const PARTS = [
  ['queueMs', 'queue'],
  ['bodyMs', 'body'],
  ['planMs', 'plan'],
  ['poolMs', 'pool'],
  ['sqlMs', 'SQL'],
  ['betweenMs', 'between statements'],
  ['encodingMs', 'encoding'],
] as const satisfies readonly (readonly [keyof Parts, string])[];

/** A part below this share of the whole is not named. */
const MIN_SHARE = 0.05;

export function TimeSplit({ parts }: { parts: Parts }) {
  const total = PARTS.reduce((sum, [key]) => sum + parts[key], 0);
  const text = PARTS.filter(([key]) => parts[key] >= total * MIN_SHARE)
    .map(([key, name]) => `${name} ${format(parts[key], 'ms')}`)
    .join(', ');
  return (
    <span class="split" role="img" aria-label={text} title={text}>
      {PARTS.map(([key, name]) => {
        const share = total === 0 ? 0 : parts[key] / total;
        return <i key={key} class={`part-${name.split(' ')[0]}`} style={{ width: `${share * 100}%` }} />;
      })}
    </span>
  );
}

export function PartsLegend() {
  return (
    <p class="parts-legend">
      {PARTS.map(([, name]) => (
        <span key={name}>
          <i class={`part-${name.split(' ')[0]}`} aria-hidden="true" /> {name}
        </span>
      ))}
    </p>
  );
}

export function meanParts(records: readonly Record[]): Parts | undefined {
  if (records.length === 0) return undefined;
  const mean = (key: keyof Parts) => records.reduce((sum, { parts }) => sum + parts[key], 0) / records.length;
  return Object.fromEntries(PARTS.map(([key]) => [key, mean(key)])) as unknown as Parts;
}
