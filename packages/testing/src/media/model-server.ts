/** A model server of the Open Inference Protocol: its only class are the pixels whose red is bright. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelServer {
  url: string;
  /** Images under way now and at most. */
  most(): number;
  answered(): number;
  close(): Promise<void>;
}

const GATHER_MS = 8_000;

interface Tensor {
  name: string;
  shape: [number, number, number, number];
  data: number[];
}

export interface ModelOptions {
  /** ms for one image. */
  ms?: number;
  /** A model whose images are answered when so many are there, or after some seconds. */
  gathers?: { model: string; images: number };
  /** The behaviour of a model by its name; true: it has answered by itself. */
  misbehave?: (model: string, call: number, response: ServerResponse) => boolean;
}

export async function startModelServer({
  ms = 0,
  gathers,
  misbehave = () => false,
}: ModelOptions = {}): Promise<ModelServer> {
  let [running, most, answered] = [0, 0, 0];
  const calls = new Map<string, number>();
  const gathered: (() => void)[] = [];
  const gather = (images: number) =>
    new Promise<void>((resolve) => {
      gathered.push(resolve);
      if (gathered.length >= images) for (const go of gathered.splice(0)) go();
      else setTimeout(() => gathered.includes(resolve) && gathered.splice(0).map((go) => go()), GATHER_MS);
    });
  const server = createServer(async (request, response) => {
    const [, model = '', verb] = /^\/v2\/models\/([^/]+)(\/infer)?$/.exec(request.url ?? '') ?? [];
    response.setHeader('content-type', 'application/json');
    if (verb === undefined) {
      response.end(
        JSON.stringify({
          name: model,
          inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 3, -1, -1] }],
          outputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 1, -1, -1] }],
        }),
      );
      return;
    }
    running += 1;
    most = Math.max(most, running);
    const body = await textOf(request);
    if (gathers?.model === model) await gather(gathers.images);
    else if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    running -= 1;
    const call = (calls.get(model) ?? 0) + 1;
    calls.set(model, call);
    if (misbehave(model, call, response)) return;
    answered += 1;
    response.end(infer(JSON.parse(body)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    most: () => most,
    answered: () => answered,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function infer({ inputs: [image] }: { inputs: [Tensor] }): string {
  const [, channels, height, width] = image.shape;
  if (channels !== 3 || image.data.length !== 3 * height * width) throw new Error(`shape ${image.shape}`);
  // Planar data begins with the red ones.
  const data = image.data.slice(0, height * width);
  return JSON.stringify({ outputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 1, height, width], data }] });
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
