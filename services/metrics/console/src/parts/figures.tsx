import type { ComponentChildren } from 'preact';
import { Quantity, type Unit } from '../quantities.tsx';

export const Figures = ({ children }: { children: ComponentChildren }) => <dl class="figures">{children}</dl>;

export function Figure(props: {
  name: string;
  value: number | null | undefined;
  unit: Unit;
  of?: string;
  tone?: 'warn' | 'bad' | undefined;
}) {
  return (
    <div class={props.tone ? `figure ${props.tone}` : 'figure'}>
      <dt>{props.name}</dt>
      <dd>
        <Quantity value={props.value} unit={props.unit} />
        {props.of && <span class="unit"> {props.of}</span>}
      </dd>
    </div>
  );
}

/** `share` is 0..1. */
export function Meter({
  share,
  label,
  tone,
}: {
  share: number;
  label: string;
  tone?: 'warn' | 'bad' | 'good' | undefined;
}) {
  const percent = Math.max(0, Math.min(100, share * 100));
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers style <meter> differently.
    <div
      class={tone ? `meter ${tone}` : 'meter'}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
    >
      <div style={{ width: `${percent}%` }} />
    </div>
  );
}
