import type { IndexStats } from '../../../../src/collectors/postgres-indexes.ts';
import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Facts } from '../../parts/facts.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';
import type { StatementsAnswer } from '../queries/statements.tsx';
import { nameOfTable, useTables } from './tables.tsx';

const COLUMNS: Column<IndexStats>[] = [
  { head: 'Index', rowHeader: true, cell: ({ index }) => index },
  {
    head: 'Definition',
    grow: true,
    cell: ({ definition }) => <code title={definition ?? ''}>{definition?.replace(/^.* USING /, '') ?? '–'}</code>,
  },
  { head: 'Size', number: true, cell: ({ bytes }) => <Quantity value={bytes} unit="bytes" /> },
  { head: 'Scans', number: true, cell: ({ scans }) => <Quantity value={scans} unit="count" /> },
  { head: 'Is', minor: true, cell: kindOf },
];

function kindOf({ primary, unique, valid, required }: IndexStats): string {
  if (!valid) return 'invalid';
  return primary ? 'primary key' : unique ? 'unique' : required ? 'required' : '';
}

/** One table: its rows, its vacuums, its indexes, and the statements that read or write it. `name` may lack the schema. */
export function TableDetail({ name }: { name: string }) {
  const tables = useTables();
  const indexes = useAnswer<{ indexes: IndexStats[] }>('database/indexes?limit=1000', { everyMs: 30_000 });
  const statements = useAnswer<StatementsAnswer>('queries/servers?limit=200');
  return (
    <Panel id="table" title={name} wide from={{ ...tables, maxMs: 120_000 }}>
      <Loaded from={tables}>
        {({ tables }) => {
          const found = tables.find((one) => nameOfTable(one) === name || one.table === name);
          if (!found) return <Empty>It is not among the 500 largest tables.</Empty>;
          const own = indexes.value?.indexes.filter((one) => one.schema === found.schema && one.table === found.table);
          const ran = statements.value?.statements.filter(
            ({ relation }) => relation === found.table || relation === name,
          );
          return (
            <>
              <Figures>
                <Figure name="Size" value={found.bytes?.total} unit="bytes" />
                <Figure name="Of it indexes" value={found.bytes?.indexes} unit="bytes" />
                <Figure name="Rows" value={found.rows} unit="count" />
                <Figure name="Dead rows" value={found.deadRows} unit="count" />
                <Figure name="Inserted" value={found.inserts} unit="count" />
                <Figure name="Updated" value={found.updates} unit="count" />
                <Figure name="Deleted" value={found.deletes} unit="count" />
                <Figure name="Sequential scans" value={found.sequentialScans} unit="count" />
                <Figure name="Index scans" value={found.indexScans} unit="count" />
              </Figures>
              <Facts
                facts={[
                  [
                    'Rows',
                    <Link page="data" params={{ schema: found.schema, query: `${found.table}?limit=50` }} row>
                      look at them ▸
                    </Link>,
                  ],
                  [
                    'Not frozen for',
                    found.frozenAge === null ? null : `${format(found.frozenAge, 'count')} transactions`,
                  ],
                  ['Vacuum', found.vacuum && `${found.vacuum.phase}, pid ${found.vacuum.pid}`],
                  ['Why no size', found.why],
                ]}
              />
              {own && own.length > 0 && (
                <Table caption={`Indexes of ${name}`} columns={COLUMNS} rows={own} keyOf={({ index }) => index} />
              )}
              {ran && ran.length > 0 && (
                <>
                  <h3>Statements of the last 15 min</h3>
                  <ul class="plain">
                    {ran.slice(0, 8).map(({ id, text, share }) => (
                      <li key={id}>
                        <Link page="queries" params={{ statement: id }} row>
                          <code>{text.slice(0, 140)}</code>
                        </Link>{' '}
                        {format(share, 'percent')} of the time
                      </li>
                    ))}
                  </ul>
                </>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}
