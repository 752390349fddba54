import { Empty, Panel } from '../../parts/panel.tsx';
import { useNow } from '../../parts/use-now.ts';
import { VirtualRows } from '../../parts/virtual-rows.tsx';
import { format } from '../../quantities.tsx';
import type { LiveState } from './live-query.ts';
import { MAX_ROWS, type Row } from './row-set.ts';

/** A changed value is marked for this time. */
const MARKED_MS = 3_000;
const MAX_COLUMNS = 12;

export function Rows({ rows: state }: { rows: LiveState | undefined }) {
  const recent =
    state?.rows.some(({ changedAt }) => changedAt !== undefined && Date.now() - changedAt < MARKED_MS) ?? false;
  const now = useNow(recent, 500);
  if (!state) return null;
  const { rows, is, reason, position, changes } = state;
  const columns = [...new Set(rows.slice(0, 50).flatMap(({ values }) => Object.keys(values)))].slice(0, MAX_COLUMNS);
  const words = { connecting: 'connecting', live: 'live', waiting: 'waiting', refused: 'not live' }[is];
  return (
    <Panel
      id="rows"
      title="Rows"
      wide
      note={
        <>
          <span class={`connection ${is === 'refused' ? 'waiting' : is}`}>
            <i aria-hidden="true" /> {words}
          </span>{' '}
          {format(rows.length, 'count')} rows, {format(changes, 'count')} changes
          {position !== null && (
            <>
              {' '}
              at <code>{position}</code>
            </>
          )}
        </>
      }
    >
      {reason !== null && <p class={is === 'refused' ? 'problem' : 'hint'}>{reason}</p>}
      {is === 'live' && rows.length === 0 && <Empty>No row matches, or none may be seen.</Empty>}
      {rows.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: wide rows scroll by themselves, and need the focus to scroll by keyboard.
        <section class="scroll data" tabIndex={0} aria-label="Rows">
          <p class="data-row data-head" style={gridOf(columns)}>
            {columns.map((name) => (
              <b key={name}>{name}</b>
            ))}
          </p>
          <VirtualRows
            label="Rows"
            count={rows.length}
            rowHeight={26}
            maxHeight={560}
            keyOf={(index) => rows[index]?.key ?? String(index)}
            row={(index) => <DataRow row={rows[index] as Row} columns={columns} now={now} />}
          />
          {rows.length === MAX_ROWS && (
            <p class="hint">The first {format(MAX_ROWS, 'count')}: add a filter or a limit.</p>
          )}
        </section>
      )}
    </Panel>
  );
}

const gridOf = (columns: readonly string[]) => ({
  gridTemplateColumns: `repeat(${columns.length}, minmax(0, 1fr))`,
  minWidth: `${columns.length * 130}px`,
});

function DataRow({ row, columns, now }: { row: Row; columns: readonly string[]; now: number }) {
  const marked = row.changedAt !== undefined && now - row.changedAt < MARKED_MS;
  return (
    <p class="data-row" style={gridOf(columns)}>
      {columns.map((name) => {
        const text = textOf(row.values[name]);
        return (
          <span key={name} title={text} class={marked && row.changed.has(name) ? 'changed' : undefined}>
            {text}
          </span>
        );
      })}
    </p>
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
