import { Figure, Figures } from './parts/figures.tsx';
import { instancesOf, maxOf, sumOf, type View } from './view.ts';

export function Headline({ view }: { view: View }) {
  const { health } = view;
  const gateways = instancesOf(view, 'gateway');
  const pools = health.instances.flatMap(({ pools }) => pools ?? []);
  const lag = maxOf(health.postgres.replication.map(({ lagMs }) => lagMs));
  const errors = sumOf(view, 'http.errors', 'gateway/');
  return (
    <section class="headline" aria-label="At a glance">
      <Figures>
        <Figure name="Requests" value={sumOf(view, 'http.requests', 'gateway/')} unit="perSecond" />
        <Figure name="Latency p99" value={maxOf(gateways.map(({ http }) => http?.p99Ms))} unit="ms" />
        <Figure name="Errors" value={errors} unit="perSecond" tone={errors ? 'bad' : undefined} />
        <Figure name="Fullest pool" value={maxOf(pools.map(({ utilisation }) => utilisation))} unit="percent" />
        <Figure name="Replica lag" value={lag} unit="ms" tone={(lag ?? 0) > 1_000 ? 'warn' : undefined} />
        <Figure name="Sockets" value={sumOf(view, 'sockets.open')} unit="count" />
        <Figure name="Deliveries" value={sumOf(view, 'sockets.deliveries')} unit="perSecond" />
        <Figure name="Job items" value={sumOf(view, 'workers.items')} unit="perSecond" />
        <Figure name="Jobs running" value={health.jobs.running} unit="count" of={`· ${health.jobs.queued} queued`} />
      </Figures>
    </section>
  );
}
