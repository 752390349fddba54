/** The way of a request and of a change through the system; each station leads to its page. */
import type { ComponentChildren } from 'preact';
import type { PathTopic } from '../../../../src/stream/topics.ts';
import type { Params } from '../../address/address.ts';
import type { PageName } from '../../address/pages.ts';
import { Link } from '../../address/router.tsx';
import { useTopic } from '../../live/session.ts';
import { format } from '../../quantities.tsx';

type Tone = 'warn' | 'bad' | 'none' | undefined;
interface Station {
  name: string;
  page: PageName;
  params?: Params;
  tone: Tone;
  value: ComponentChildren;
  detail: string;
}

export function Path() {
  const path = useTopic('path')?.value;
  if (!path) return null;
  return (
    <section class="path" aria-label="The path of requests and changes">
      <ol>
        {stationsOf(path).map(({ name, page, params, tone, value, detail }) => (
          <li key={name} class={tone}>
            <Link page={page} params={params ?? {}} row>
              <span class="station">{name}</span>
              <b>{value}</b>
              <span class="unit">{detail}</span>
            </Link>
          </li>
        ))}
      </ol>
    </section>
  );
}

function stationsOf(path: PathTopic): Station[] {
  const { gateways, primary, relay, nats, realtime, batch } = path;
  return [
    {
      name: 'clients',
      page: 'requests',
      tone: (path.errorsPerSecond ?? 0) > 0 ? 'warn' : undefined,
      value: format(path.requestsPerSecond, 'perSecond'),
      detail: path.errorsPerSecond ? `${format(path.errorsPerSecond, 'perSecond')} failed` : 'none failed',
    },
    {
      name: 'gateway',
      page: 'processes',
      tone: instancesTone(gateways),
      value: format(gateways.p99Ms, 'ms'),
      detail: `p99 · ${gateways.inFlight ?? '–'} in flight`,
    },
    ...path.pools
      .filter(({ name }) => name === 'write' || name.startsWith('read'))
      .map((pool): Station => poolStation(pool)),
    {
      name: 'primary',
      page: 'database',
      params: { section: 'sessions' },
      tone: primary.status === 'down' ? 'bad' : primary.waitingForLock ? 'warn' : undefined,
      value: `${primary.total ?? '–'} / ${primary.max ?? '–'}`,
      detail: primary.waitingForLock
        ? `${primary.waitingForLock} wait for locks`
        : `connections, ${primary.active ?? '–'} active`,
    },
    ...path.replicas.map(
      ({ name, state, lagMs }): Station => ({
        name,
        page: 'database',
        params: { section: 'wal' },
        tone: (lagMs ?? 0) > 1_000 ? 'warn' : undefined,
        value: format(lagMs, 'ms'),
        detail: state === 'streaming' ? 'behind' : state,
      }),
    ),
    {
      name: 'relay',
      page: 'live',
      tone: relay === null ? 'bad' : relay.lastError ? 'warn' : undefined,
      value: relay === null ? 'none' : format(relay.changesPerSecond, 'perSecond'),
      detail: relay === null ? 'no relay is active' : `changes · ${format(relay.lagBytes, 'bytes')} behind`,
    },
    {
      name: 'NATS',
      page: 'processes',
      tone: nats.status === 'down' ? 'bad' : undefined,
      value: nats.status === 'down' ? 'silent' : format(nats.roundTripMs, 'ms'),
      detail: 'round trip',
    },
    {
      name: 'sockets',
      page: 'live',
      tone: instancesTone(realtime),
      value: format(realtime.sockets, 'count'),
      detail: `p99 ${format(realtime.deliveryP99Ms, 'ms')} to screen`,
    },
    {
      name: 'batch',
      page: 'jobs',
      tone: instancesTone(batch),
      value: `${batch.busy ?? '–'} / ${batch.threads ?? '–'}`,
      detail: `threads · ${format(batch.itemsPerSecond, 'perSecond')} items`,
    },
  ];
}

function poolStation({ name, busy, max, waiting, waitP99Ms }: PathTopic['pools'][number]): Station {
  return {
    name: `pool ${name}`,
    page: 'database',
    params: { section: 'pools' },
    tone: waiting > 0 && busy >= max ? 'bad' : waiting > 0 ? 'warn' : undefined,
    value: `${busy} / ${max}`,
    detail: waiting > 0 ? `${waiting} wait, p99 ${format(waitP99Ms, 'ms')}` : 'none waits',
  };
}

function instancesTone({ live, lost }: { live: number; lost: number }): Tone {
  if (live === 0) return 'bad';
  return lost > 0 ? 'warn' : undefined;
}
