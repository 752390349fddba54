/** Paths below /rest/v1 that name no table and no function, and methods that have no meaning there, with PostgREST's codes. */
import { METHODS } from 'node:http';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { postgrest } from '../../errors.ts';

/** Browsers ask with OPTIONS, which has a hook of its own. Node gives CONNECT to nobody. */
const ELSEWHERE = ['OPTIONS', 'HEAD', 'CONNECT'];

export const wrongPaths = fp(
  async (app: BaseApp) => {
    const methods = METHODS.filter((method) => !ELSEWHERE.includes(method));
    for (const method of methods) {
      if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
    }
    app.route<{ Params: { '*': string } }>({
      method: methods,
      url: '/rest/v1/*',
      handler(request) {
        const path = request.params['*'];
        // Other methods have routes of their own.
        const isResource = /^(rpc\/)?[^/]+$/.test(path);
        throw isResource ? postgrest.PGRST117({ method: request.method }) : postgrest.PGRST125();
      },
    });
  },
  { name: 'wrong-paths', dependencies: ['bodies', 'identity'] },
);
