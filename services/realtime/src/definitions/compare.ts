import { type Definition, definitionKey, type KnownDefinition } from './known-definitions.ts';
import type { Look, TableName } from './look.ts';

/** A known version with a later position is of another server, and counts as unknown. */
export function whatChanged(known: ReadonlyMap<string, KnownDefinition>, look: Look, only?: TableName): Definition[] {
  const { since } = look;
  const changed: Definition[] = [];
  const found = new Set<string>();
  for (const { schema, table, version } of look.versions) {
    const key = definitionKey({ schema, table });
    found.add(key);
    const before = known.get(key);
    if (before?.version !== version || before.since > since) changed.push({ schema, table, version, since });
  }
  const expected = only ? [known.get(definitionKey(only))] : known.values();
  for (const before of expected) {
    if (!before || found.has(definitionKey(before))) continue;
    changed.push({ ...before, version: null, since });
  }
  return changed;
}
