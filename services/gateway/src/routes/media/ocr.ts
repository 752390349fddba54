import { OcrOptions } from '@tidemark/contracts';
import { type BaseApp, commaSeparated } from '@tidemark/service';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { MEDIA_CONFIG, mediaInput } from './media-bodies.ts';

const OcrQuery = Type.Object({
  file: Type.Optional(Type.String({ maxLength: 64 })),
  languages: Type.Optional(Type.String({ maxLength: 300 })),
  dpi: Type.Optional(OcrOptions.properties.dpi),
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
});
interface OcrRequest {
  Querystring: { file?: string; languages?: string; dpi?: number; page?: number };
}
const validator = Compile(OcrOptions);

/** Answers with the text, the words and their boxes: of an image, or of one page of a document. */
export function registerOcr(app: BaseApp, context: RouteContext): void {
  app.post<OcrRequest>(
    '/api/v1/ocr',
    { schema: { querystring: OcrQuery }, config: MEDIA_CONFIG },
    async (request, reply) => {
      const { languages, dpi, page } = request.query;
      const spec: OcrOptions = {
        ...(languages !== undefined && { languages: commaSeparated(languages) }),
        ...(dpi !== undefined && { dpi }),
      };
      if (!validator.Check(spec)) {
        const [first] = validator.Errors(spec);
        const hint = 'Name languages by their codes: ?languages=eng,deu.';
        throw errors.MEDIA_OPTIONS({ problem: `${first?.instancePath || '/'} ${first?.message}`, hint });
      }
      const input = await mediaInput(context, request);
      const { files } = await context.atOnce(request, {
        kind: 'ocr',
        spec,
        ...input,
        ...(page !== undefined && { page }),
      });
      const [read] = files as [(typeof files)[0]];
      return reply
        .type('application/json')
        .header('cache-control', 'private, no-store')
        .send(Buffer.from(read.bytes, 'base64').toString());
    },
  );
}
