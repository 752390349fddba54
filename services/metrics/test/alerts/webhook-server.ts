/** A receiver of alerts: a real HTTP server that keeps what it gets, and answers with the status that the test sets. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface Notification {
  path: string;
  status: string;
  alerts: { status: string; labels: { alertname: string; severity: string; key: string }; annotations: object }[];
}

export async function useWebhook(t: Test) {
  const received: Notification[] = [];
  let answer = (response: ServerResponse) => response.writeHead(200).end('ok');
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { statusCode } = answer(response);
    if (statusCode === 200) received.push({ path: request.url, ...(text ? JSON.parse(text) : {}) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    /** Every notification about an alert, as `firing` or `resolved`. */
    states: (key: string) =>
      received.flatMap(({ alerts = [] }) => alerts.filter((one) => one.labels.key === key).map(({ status }) => status)),
    answerWith(status: number, headers: Record<string, string> = {}) {
      answer = (response) => response.writeHead(status, headers).end('as the test wants');
    },
  };
}
