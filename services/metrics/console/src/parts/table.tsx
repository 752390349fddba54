import type { ComponentChildren } from 'preact';
import { usePaused } from '../live/session.ts';
import { useHeldOrder } from './held-order.ts';

export interface Column<T> {
  head: string;
  number?: boolean;
  rowHeader?: boolean;
  /** The column takes the remaining width; longer text is cut with an ellipsis. */
  grow?: boolean;
  /** Left out on narrow screens. */
  minor?: boolean;
  cell(row: T): ComponentChildren;
}

export type Tone = 'warn' | 'bad' | 'muted' | undefined;

export function Table<T>(props: {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  toneOf?: (row: T) => Tone;
  isSelected?: (row: T) => boolean;
}) {
  const { caption, columns, keyOf, toneOf, isSelected } = props;
  const { rows, handlers } = useHeldOrder(props.rows, keyOf, usePaused());
  const kind = ({ number, grow, minor }: Column<T>) =>
    [number && 'number', grow && 'grow', minor && 'minor'].filter(Boolean).join(' ') || undefined;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls by itself, and needs the focus to scroll by keyboard.
    <section class="scroll" tabIndex={0} aria-label={caption} {...handlers}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" class={kind(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              class={[toneOf?.(row), isSelected?.(row) && 'selected'].filter(Boolean).join(' ') || undefined}
            >
              {columns.map((column) =>
                column.rowHeader ? (
                  <th key={column.head} scope="row" class={kind(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.head} class={kind(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
