import { ImageTransformSpec, JOB_KINDS } from '@tidemark/contracts';
import { Compile } from 'typebox/compile';
import { errors } from '../errors.ts';

const validator = Compile(ImageTransformSpec);
/** Problems named in an error; a spec of 10,000 wrong ids has as many. */
const SHOWN_PROBLEMS = 5;

/** @throws BATCH_UNKNOWN_KIND, BATCH_INVALID_SPEC */
export function readSpec(kind: string, spec: unknown): ImageTransformSpec {
  if (!(JOB_KINDS as readonly string[]).includes(kind)) throw errors.UNKNOWN_KIND({ kind, known: JOB_KINDS });
  if (!validator.Check(spec)) {
    const problems = validator.Errors(spec).slice(0, SHOWN_PROBLEMS);
    throw errors.INVALID_SPEC({ problems: problems.map((p) => `${p.instancePath || '/'} ${p.message}`) });
  }
  const { resize } = spec.transform;
  if (resize && !resize.width && !resize.height) {
    throw errors.INVALID_SPEC({ problems: ['/transform/resize needs a width, a height, or both'] });
  }
  return spec;
}
