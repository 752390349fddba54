import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Facts } from '../../parts/facts.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { format, formatTime } from '../../quantities.tsx';
import { PARTS, PartsLegend, type Record, TimeSplit } from './parts-of-time.tsx';

/** One request: `GET commentary 4.92 s = pool 4.90 s (held by pid 8497) + SQL 10 ms + rest`. */
export function RecordDetail({ id }: { id: string }) {
  const answer = useAnswer<{ requests: Record[] }>(`requests?id=${encodeURIComponent(id)}`, { everyMs: 15_000 });
  return (
    <Panel id="record" title={`Request ${id}`} wide>
      {answer.problem && <p class="problem">{answer.problem}</p>}
      <Loaded from={answer}>
        {({ requests }) =>
          requests.length === 0 ? (
            <Empty>
              No gateway keeps it: it was fast and succeeded, or newer ones took its place. Its id is the header{' '}
              <code>x-request-id</code> of the response.
            </Empty>
          ) : (
            requests.map((record) => <One key={record.at} record={record} />)
          )
        }
      </Loaded>
    </Panel>
  );
}

const MIN_SHARE = 0.02;

function One({ record }: { record: Record }) {
  const { route, table, ms, parts, holder, why, status, code } = record;
  const named = PARTS.filter(([key]) => parts[key] >= ms * MIN_SHARE).sort((a, b) => parts[b[0]] - parts[a[0]]);
  const rest = ms - named.reduce((sum, [key]) => sum + parts[key], 0);
  return (
    <>
      <p class="sum">
        <b>{table === null ? route : `${route.split(' ')[0]} ${table}`}</b> {format(ms, 'ms')} ={' '}
        {named.map(([key, name], index) => (
          <span key={key}>
            {index > 0 && ' + '}
            {name} <b>{format(parts[key], 'ms')}</b>
            {key === 'poolMs' && holder && (
              <>
                {' '}
                (held by{' '}
                <Link page="database" params={{ section: 'pools', pid: String(holder.pid) }} row>
                  pid {holder.pid}
                </Link>{' '}
                for {format(holder.heldMs, 'ms')}
                {holder.route !== null && `, ${holder.route}`})
              </>
            )}
          </span>
        ))}
        {rest > 0.005 && ` + rest ${format(rest, 'ms')}`}
      </p>
      <TimeSplit parts={parts} />
      <PartsLegend />
      <Facts
        facts={[
          ['Outcome', `${why}, ${status}${code === null ? '' : ` ${code}`}`],
          ['Ended', formatTime(record.at)],
          [
            'Route',
            <Link page="requests" params={{ route, table: table ?? undefined }}>
              {route}
            </Link>,
          ],
          [
            'Gateway',
            <Link page="processes" params={{ instance: `gateway/${record.instance}` }}>
              {record.instance}
            </Link>,
          ],
          ['Role', record.role],
          ['Identity', record.identity],
          ['Statements', String(record.statements)],
          ['Pool', record.pool],
          ['Tidemark asked', record.asked],
          ['Tidemark served', record.served],
          ['Trace', record.trace],
          ['Holder ran', holder?.statement ? <code>{holder.statement}</code> : null],
        ]}
      />
    </>
  );
}
