import type { Telemetry } from '@tidemark/contracts';

/** The sketches are kept by series (LatencyHistory): answers and streams, which show an instance each second, do without. */
export function withoutSketches(telemetry: Telemetry): Telemetry {
  const { http, traffic, pools, sockets, workers } = telemetry;
  return {
    ...telemetry,
    ...(http && { http: { ...http, routes: http.routes.map(({ window: _, ...route }) => route) } }),
    ...(traffic && { traffic: { ...traffic, rows: traffic.rows.map(({ bins: _, ...row }) => row) } }),
    ...(pools && { pools: pools.map(({ waitWindow: _, ...pool }) => pool) }),
    ...(sockets && { sockets: without(sockets, 'deliveryWindow') }),
    ...(workers && { workers: without(workers, 'itemWindow') }),
  };
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value;
  return rest;
}
