import type { Blueprint } from './blueprint.ts';
import { errors } from './errors.ts';
import { telematics } from './fleet/telematics.ts';
import { cellImages } from './imaging/cell-images.ts';

/** Indexes and triggers come after the demo data, and live changes last: loaded, indexed, then published. */
const FILES = ['schema.sql', 'demo.sql', 'indexes.sql', 'triggers.sql', 'policies.sql', 'publish.sql'];

export const blueprints: readonly Blueprint[] = [
  {
    name: 'matches',
    title: 'live sports commentary: teams, matches, and what happens in them',
    schema: 'public',
    files: FILES,
  },
  {
    name: 'fleet',
    title: 'fleet operations: vehicles, drivers, workshop, telematics, documents, an audit log',
    schema: 'fleet',
    files: FILES,
    large: telematics,
  },
  {
    name: 'imaging',
    title: 'image segmentation: projects, images, the objects in them, sharing with members',
    schema: 'imaging',
    files: FILES,
    drawn: cellImages,
  },
  {
    name: 'sync',
    title: 'image workspace: users with several devices, preferences, albums, batches',
    schema: 'sync',
    files: FILES,
  },
  {
    name: 'corpus',
    title: 'AI platform: threads, messages, agents and their runs, corpora of records',
    schema: 'corpus',
    files: FILES,
  },
];

/** @throws BLUEPRINT_UNKNOWN */
export function blueprintNamed(name: string): Blueprint {
  const found = blueprints.find((one) => one.name === name);
  if (!found) throw errors.UNKNOWN({ name, known: blueprints.map((one) => one.name) });
  return found;
}
