/** The faults that metrics must name. Each is injected under load, and ended by the SQL of its finding or by its own undo. */
import { databaseFaults } from './database-faults.ts';
import type { Fault } from './fault.ts';
import { serviceFaults } from './service-faults.ts';

export const FAULTS: readonly Fault[] = [...databaseFaults, ...serviceFaults];
