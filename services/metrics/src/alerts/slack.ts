/** An incoming webhook of Slack, which Mattermost and Rocket.Chat accept too: https://api.slack.com/reference/messaging/attachments */
import type { AlertState } from './alert.ts';

const COLOURS = { info: '#439fe0', warning: '#daa038', critical: '#d00000', resolved: '#2eb886' } as const;
/** Slack shows at most 20 attachments well; further alerts are counted. */
const MAX_SHOWN = 20;

export function slackBody(alerts: readonly AlertState[], publicUrl: string) {
  const firing = alerts.filter(({ endedAt }) => endedAt === null).length;
  const counts = [
    ...(firing > 0 ? [`${firing} firing`] : []),
    ...(alerts.length > firing ? [`${alerts.length - firing} resolved`] : []),
  ];
  const more = alerts.length > MAX_SHOWN ? `, ${MAX_SHOWN} of ${alerts.length} shown` : '';
  const link = publicUrl ? ` (<${publicUrl}|console>)` : '';
  return {
    text: `Tidemark: ${counts.join(', ')}${more}${link}`,
    attachments: alerts.slice(0, MAX_SHOWN).map((alert) => {
      const state = alert.endedAt === null ? alert.severity : 'resolved';
      return {
        color: COLOURS[state],
        fallback: escaped(`${state}: ${alert.message}`),
        title: escaped(`${state}: ${alert.rule}`),
        text: escaped(alert.endedAt === null ? `${alert.message}\n${alert.hint}` : alert.message),
        footer: escaped(alert.subject),
        ts: Math.floor((alert.endedAt ?? alert.startedAt) / 1_000),
      };
    }),
  };
}

/** Slack reads these three as markup, as in `<!channel>`. */
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
