import type { Bus } from '@tidemark/bus';

/** Composes each subject once. */
export class ChangeSubjects {
  #bus: Pick<Bus, 'subjects'>;
  #subjects = new Map<string, string>();

  constructor(bus: Pick<Bus, 'subjects'>) {
    this.#bus = bus;
  }

  of(schema: string, table: string): string {
    const key = `${schema}\0${table}`;
    let subject = this.#subjects.get(key);
    if (subject === undefined) {
      subject = this.#bus.subjects.changes(schema, table);
      this.#subjects.set(key, subject);
    }
    return subject;
  }
}
