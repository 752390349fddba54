/** What a service says of itself at /metrics. */

/** A gauge or counter; those of several labels are summed. @param labels such as `type="topic.resync"` */
export type Figure = (name: string, labels?: string) => number;

/** One reading of the page: its figures belong together. */
export async function figures(url: string): Promise<Figure> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return (name, labels = '') => {
    let sum = 0;
    for (const [, given = '', value] of page.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)`, 'gm'))) {
      if (given.includes(labels)) sum += Number(value);
    }
    return sum;
  };
}
