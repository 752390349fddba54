/** `main.js batch [scenario…]`: the speed and memory of jobs, one scenario after another. */
import { errors } from '../errors.ts';
import { runLab } from '../lab/run-lab.ts';
import type { TrialResult } from '../lab/run-trial.ts';
import type { Trial } from '../lab/trial.ts';
import { corpus } from './scenarios/corpus.ts';
import { documents } from './scenarios/documents.ts';
import { exportRows } from './scenarios/export.ts';
import { heldSnapshot } from './scenarios/held-snapshot.ts';
import { imageSizes, images } from './scenarios/images.ts';
import { memory } from './scenarios/memory.ts';
import { neighbour } from './scenarios/neighbour.ts';
import { noop } from './scenarios/noop.ts';
import { segment } from './scenarios/segment.ts';
import { startLatency } from './scenarios/start-latency.ts';
import { wal } from './scenarios/wal.ts';

export const batchScenarios: readonly Trial[] = [
  noop,
  startLatency,
  wal,
  heldSnapshot,
  neighbour,
  images,
  imageSizes,
  memory,
  exportRows,
  corpus,
  segment,
  documents,
];

export async function runBatch(names: readonly string[], quick: boolean): Promise<TrialResult[]> {
  const known = batchScenarios.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw errors.UNKNOWN_SCENARIO({ name, known });
  return runLab(names, { quick }, batchScenarios);
}
