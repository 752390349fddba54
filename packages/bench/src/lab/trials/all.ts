/** Every trial of the fault lab; new ones are added here. */
import type { Trial } from '../trial.ts';
import { autosize } from './autosize.ts';
import { killedNeighbour } from './killed-neighbour.ts';

export const trials: readonly Trial[] = [autosize, killedNeighbour];
