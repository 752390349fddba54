import type { ComponentChildren } from 'preact';
import { format } from '../quantities.tsx';
import { useStaleAge } from './age.tsx';

/** The origin of what a panel shows. */
export interface Source {
  at: number | undefined;
  problem?: string | undefined;
  /** ms that it may be old without being grey. */
  maxMs?: number;
}

export function Panel(props: {
  id: string;
  title: string;
  note?: ComponentChildren;
  wide?: boolean;
  from?: Source;
  children: ComponentChildren;
}) {
  const { id, title, note, wide, from, children } = props;
  const age = useStaleAge(from?.at, from?.maxMs);
  const classes = ['panel', wide && 'wide', age !== undefined && 'old'].filter(Boolean).join(' ');
  return (
    <section class={classes} aria-labelledby={`${id}-title`} id={id}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {note && <div class="note">{note}</div>}
        {age !== undefined && <p class="age">{format(age, 'ms')} old</p>}
      </header>
      {from?.problem && <p class="problem">{from.problem}</p>}
      {children}
    </section>
  );
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

/** Shows what an answer has, or that it is on its way. */
export function Loaded<T>(props: {
  from: { value: T | undefined; problem: string | undefined };
  children: (value: T) => ComponentChildren;
}) {
  const { value, problem } = props.from;
  if (value !== undefined) return <>{props.children(value)}</>;
  return problem ? null : <p class="empty">Loading …</p>;
}
