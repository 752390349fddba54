/** A list of any length, of which only the rows in view are in the document. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { HeldOrder } from './held-order.ts';

/** Rows before and after those in view, so that the focus can move to the next one. */
const OVERSCAN = 8;

export interface VirtualRowsProps {
  label: string;
  count: number;
  rowHeight: number;
  /** px */
  maxHeight: number;
  keyOf: (index: number) => string;
  row: (index: number) => ComponentChildren;
  /** Called with the first and last row in the document when they change. */
  onRange?: (first: number, last: number) => void;
  /** Tell whether a person looks at a row. */
  handlers?: HeldOrder<unknown>['handlers'];
}

export function VirtualRows(props: VirtualRowsProps) {
  const { label, count, rowHeight, maxHeight, keyOf, row, onRange, handlers } = props;
  const box = useRef<HTMLElement>(null);
  const [, render] = useState(0);
  const virtualizer = useRef<Virtualizer<HTMLElement, HTMLElement> | undefined>(undefined);
  const options = {
    count,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => render((n) => n + 1),
  };
  virtualizer.current ??= new Virtualizer(options);
  virtualizer.current.setOptions({ ...virtualizer.current.options, ...options });

  useEffect(() => virtualizer.current?._didMount(), []);
  useEffect(() => virtualizer.current?._willUpdate());

  const items = virtualizer.current.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => onRange?.(first, last), [first, last]);

  return (
    <section
      ref={box}
      class="virtual"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a list without links needs the focus to scroll by keyboard.
      tabIndex={0}
      aria-label={`List of ${label.toLowerCase()}`}
      style={{ maxHeight: `${maxHeight}px` }}
      {...handlers}
    >
      <ul aria-label={label} style={{ height: `${virtualizer.current.getTotalSize()}px` }}>
        {items.map(({ index, start }) => (
          <li
            key={keyOf(index)}
            aria-setsize={count}
            aria-posinset={index + 1}
            class="virtual-row"
            style={{ height: `${rowHeight}px`, transform: `translateY(${start}px)` }}
          >
            {row(index)}
          </li>
        ))}
      </ul>
    </section>
  );
}
