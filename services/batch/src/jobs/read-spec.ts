import { errors } from '../errors.ts';
import type { Kinds, LoadedKind } from '../kinds/load-kinds.ts';

/** A spec may have 10,000 wrong ids. */
const SHOWN_PROBLEMS = 5;

export function kindOf(kinds: Kinds, kind: string, spec: unknown): LoadedKind {
  const found = kinds.get(kind);
  if (!found) throw errors.UNKNOWN_KIND({ kind, known: [...kinds.keys()] });
  if (!found.validator.Check(spec)) {
    const problems = found.validator.Errors(spec).slice(0, SHOWN_PROBLEMS);
    throw errors.INVALID_SPEC({ kind, problems: problems.map((p) => `${p.instancePath || '/'} ${p.message}`) });
  }
  return found;
}
