/** The pages of the console. The service serves the same file for each of them (`src/routes/console.ts`). */
import type { TopicName } from '../../../src/stream/topics.ts';

export interface PageInfo {
  /** The last part of the address; '' for the first page. */
  readonly name: string;
  readonly title: string;
  /** The key that opens it after `g`. */
  readonly key: string;
  /** The topics of the event stream that the page shows, besides `status`. */
  readonly topics: readonly TopicName[];
  /** Parameters of what is selected; Esc takes the last of them away. */
  readonly selections: readonly string[];
}

export const PAGES = [
  {
    name: '',
    title: 'Now',
    key: 'n',
    topics: ['findings', 'path', 'capacity', 'events'],
    selections: ['finding'],
  },
  { name: 'requests', title: 'Requests', key: 'r', topics: ['path'], selections: ['route', 'id'] },
  { name: 'queries', title: 'Queries', key: 'q', topics: [], selections: ['statement'] },
  { name: 'database', title: 'Database', key: 'd', topics: ['path', 'replication'], selections: ['pid', 'table'] },
  { name: 'live', title: 'Live', key: 'l', topics: ['path'], selections: ['sub'] },
  { name: 'jobs', title: 'Jobs', key: 'j', topics: ['jobs', 'path'], selections: ['job'] },
  { name: 'processes', title: 'Processes', key: 'p', topics: [], selections: ['instance'] },
  { name: 'incidents', title: 'Incidents', key: 'i', topics: ['findings'], selections: [] },
  { name: 'data', title: 'Data', key: 't', topics: [], selections: [] },
] as const satisfies readonly PageInfo[];

export type PageName = (typeof PAGES)[number]['name'];

export const pageOf = (name: PageName): PageInfo => PAGES.find((page) => page.name === name) as PageInfo;
