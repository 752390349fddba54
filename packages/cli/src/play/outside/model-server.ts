/** A model server of the Open Inference Protocol, for one image at a time: its only class are the light pixels. */
import { createServer, type IncomingMessage } from 'node:http';

export interface ModelServer {
  readonly url: string;
  /** The most images that were there at a time. */
  most(): number;
  answered(): number;
  close(): Promise<void>;
}

interface Inference {
  inputs: [{ shape: [number, number, number, number]; data: number[] }];
}

/** @param ms how long an image takes */
export async function startModelServer(port: number, ms: number): Promise<ModelServer> {
  let [present, most, answered] = [0, 0, 0];
  const server = createServer(async (request, response) => {
    const [, model = '', verb] = /^\/v2\/models\/([^/]+)(\/infer)?$/.exec(request.url ?? '') ?? [];
    response.setHeader('content-type', 'application/json');
    if (verb === undefined) {
      const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, -1, -1, 1] }];
      const outputs = [{ name: 'scores', datatype: 'FP32', shape: [1, 1, -1, -1] }];
      response.end(JSON.stringify({ name: model, inputs, outputs }));
      return;
    }
    present += 1;
    most = Math.max(most, present);
    const { inputs } = JSON.parse(await textOf(request)) as Inference;
    await new Promise((resolve) => setTimeout(resolve, ms));
    present -= 1;
    answered += 1;
    const [{ shape, data }] = inputs;
    const [, height, width] = shape;
    const scores = { name: 'scores', datatype: 'FP32', shape: [1, 1, height, width], data };
    response.end(JSON.stringify({ outputs: [scores] }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    most: () => most,
    answered: () => answered,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
