/** The lab runs the trials in this order. */
import type { Trial } from '../trial.ts';
import { abortedExports } from './aborted-exports.ts';
import { acknowledgedInserts } from './acknowledged-inserts.ts';
import { autosize } from './autosize.ts';
import { backendsTerminated } from './backends-terminated.ts';
import { batch } from './batch.ts';
import { batchCulprits } from './batch-culprits.ts';
import { cacheChecker } from './cache-checker.ts';
import { claimsApart } from './claims-apart.ts';
import { descriptorsExhausted } from './descriptors-exhausted.ts';
import { diskFull } from './disk-full.ts';
import { findings } from './findings.ts';
import { firstStart } from './first-start.ts';
import { fuzz } from './fuzz.ts';
import { hostile } from './hostile.ts';
import { jetstreamRolledBack } from './jetstream-rolled-back.ts';
import { killedNeighbour } from './killed-neighbour.ts';
import { liveChecker } from './live-checker.ts';
import { liveDdl } from './live-ddl.ts';
import { natsKilled } from './nats-killed.ts';
import { overload } from './overload.ts';
import { postgrest } from './postgrest.ts';
import { primaryRestart } from './primary-restart.ts';
import { primaryRestarted } from './primary-restarted.ts';
import { realtimeRestarted } from './realtime-restarted.ts';
import { reconnectStorm } from './reconnect-storm.ts';
import { relayDrain } from './relay-drain.ts';
import { relayKilled } from './relay-killed.ts';
import { replicaKilled, replicaPaused } from './replica-faults.ts';
import { restModel } from './rest-model.ts';
import { slotInvalidated } from './slot-invalidated.ts';
import { socketCycles } from './socket-cycles.ts';
import { stalledClients } from './stalled-clients.ts';
import { statisticsCost } from './statistics-cost.ts';
import { writeThenRead } from './write-then-read.ts';

export const trials: readonly Trial[] = [
  abortedExports,
  acknowledgedInserts,
  autosize,
  backendsTerminated,
  batch,
  batchCulprits,
  cacheChecker,
  claimsApart,
  descriptorsExhausted,
  diskFull,
  findings,
  firstStart,
  fuzz,
  hostile,
  killedNeighbour,
  overload,
  postgrest,
  primaryRestart,
  replicaKilled,
  replicaPaused,
  jetstreamRolledBack,
  liveChecker,
  liveDdl,
  natsKilled,
  primaryRestarted,
  realtimeRestarted,
  relayDrain,
  relayKilled,
  restModel,
  slotInvalidated,
  reconnectStorm,
  socketCycles,
  stalledClients,
  statisticsCost,
  writeThenRead,
];
