/**
 * The relay renders values by the definition that it knows: names in a composite value may have changed since. Until
 * it announces a definition, values of the former one are accepted, and the announcement is a resync.
 */
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { TableFacts } from '../tables/table-facts.ts';

export class RenderedDefinitions {
  #facts: Pick<TableFacts, 'definition'>;
  #isAnnounced: () => boolean;
  #isMixed = false;

  constructor(facts: Pick<TableFacts, 'definition'>, isAnnounced: () => boolean) {
    this.#facts = facts;
    this.#isAnnounced = isAnnounced;
  }

  /** Whether subscribers may have values of a former definition. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  accepts(envelope: ChangeEnvelope): boolean {
    const { definition } = envelope.body();
    if (definition === undefined || definition === this.#facts.definition) return true;
    if (this.#isAnnounced()) return false;
    this.#isMixed = true;
    return true;
  }
}
