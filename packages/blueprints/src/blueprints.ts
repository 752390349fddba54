import type { Blueprint } from './blueprint.ts';
import { errors } from './errors.ts';
import { telematics } from './fleet/telematics.ts';

/** Indexes and triggers come after the demo data, and live changes last: loaded, indexed, then published. */
export const blueprints: readonly Blueprint[] = [
  {
    name: 'matches',
    title: 'live sports commentary: teams, matches, and what happens in them',
    schema: 'public',
    files: ['schema.sql', 'demo.sql'],
  },
  {
    name: 'fleet',
    title: 'fleet operations: vehicles, drivers, workshop, telematics, documents, an audit log',
    schema: 'fleet',
    files: ['schema.sql', 'demo.sql', 'indexes.sql', 'triggers.sql', 'policies.sql', 'publish.sql'],
    large: telematics,
  },
  {
    name: 'corpus',
    title: 'AI platform: threads, messages, agents and their runs, corpora of records',
    schema: 'corpus',
    files: ['schema.sql', 'demo.sql', 'indexes.sql', 'triggers.sql', 'policies.sql', 'publish.sql'],
  },
];

/** @throws BLUEPRINT_UNKNOWN */
export function blueprintNamed(name: string): Blueprint {
  const found = blueprints.find((one) => one.name === name);
  if (!found) throw errors.UNKNOWN({ name, known: blueprints.map((one) => one.name) });
  return found;
}
