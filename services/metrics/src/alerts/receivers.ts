/** The receivers of notifications. Their URLs are secrets (anybody who knows Slack's may post), so only hosts are shown. */
import { commaSeparated } from '@tidemark/service';
import type { AlertState } from './alert.ts';
import { alertmanagerBody } from './alertmanager.ts';
import { slackBody } from './slack.ts';

type Body = (alerts: readonly AlertState[], publicUrl: string) => object;

export interface Receiver {
  /** `slack-1`: it stays the same when its host or secret changes. */
  readonly name: string;
  readonly host: string;
  readonly url: string;
  readonly body: Body;
}

export function receiversOf(slackUrls: string, webhookUrls: string): Receiver[] {
  return [...listed('slack', slackUrls, slackBody), ...listed('webhook', webhookUrls, alertmanagerBody)];
}

const listed = (kind: string, urls: string, body: Body): Receiver[] =>
  commaSeparated(urls).map((url, index) => ({ name: `${kind}-${index + 1}`, host: new URL(url).host, url, body }));
