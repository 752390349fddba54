/** Rows keep their place while a person looks at one of them: while the pointer or the focus is in the list, or the page is paused. */
import { useRef } from 'preact/hooks';

/** Returns the keys in the order that they had, followed by the new ones. */
export function inHeldOrder(before: readonly string[], now: readonly string[]): string[] {
  const present = new Set(now);
  const known = new Set(before);
  return [...before.filter((key) => present.has(key)), ...now.filter((key) => !known.has(key))];
}

export interface HeldOrder<T> {
  rows: T[];
  /** Handlers of the element that contains the rows. */
  handlers: {
    onPointerEnter(): void;
    onPointerLeave(): void;
    onFocusIn(): void;
    onFocusOut(): void;
  };
}

export function useHeldOrder<T>(rows: readonly T[], keyOf: (row: T) => string, paused: boolean): HeldOrder<T> {
  const held = useRef({ pointer: false, focus: false });
  const order = useRef<string[]>([]);
  const keys = rows.map(keyOf);
  const { pointer, focus } = held.current;
  order.current = pointer || focus || paused ? inHeldOrder(order.current, keys) : keys;
  const hold = (by: 'pointer' | 'focus', on: boolean) => {
    held.current[by] = on;
  };
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  return {
    rows: order.current.flatMap((key) => byKey.get(key) ?? []),
    handlers: {
      onPointerEnter: () => hold('pointer', true),
      onPointerLeave: () => hold('pointer', false),
      onFocusIn: () => hold('focus', true),
      onFocusOut: () => hold('focus', false),
    },
  };
}
