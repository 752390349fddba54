import { Batch } from './batch.tsx';
import { Collectors } from './collectors.tsx';
import { Instances } from './instances.tsx';
import { Jobs } from './jobs.tsx';
import { Latency } from './latency.tsx';
import { Memory } from './memory.tsx';
import { Nats } from './nats.tsx';
import { Pools } from './pools.tsx';
import { Postgres } from './postgres.tsx';
import { Relay } from './relay.tsx';
import { Replicas } from './replicas.tsx';
import { Requests } from './requests.tsx';
import { Routes } from './routes.tsx';
import { Sockets } from './sockets.tsx';
import { Statements } from './statements.tsx';

export const PANELS = [
  Requests,
  Latency,
  Routes,
  Pools,
  Postgres,
  Replicas,
  Relay,
  Sockets,
  Nats,
  Batch,
  Jobs,
  Memory,
  Instances,
  Statements,
  Collectors,
];
