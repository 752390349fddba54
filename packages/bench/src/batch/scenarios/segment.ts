/** Images of a model server that needs 50 ms for each: four at a time against one at a time. */
import { startModelServer } from '@tidemark/testing/media';
import { atLeast, equal, type Finding, type Trial } from '../../lab/trial.ts';
import { nameImages, storeImages } from '../image-files.ts';
import { startBatchServices } from '../services.ts';

const IMAGES = { quick: 16, full: 1_000 };
const MODEL_MS = 50;
const PLACES = 4;
/** A quick run has too few images to fill the places. */
const TARGET = { quick: 0.5, full: 3.5 };

export const segment: Trial = {
  name: 'segment',
  claim: 'a model server of 50 ms an image gets four at a time, and they are done 3.5 times as fast as one at a time',
  limitMs: 1_200_000,
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const models = await startModelServer({ ms: MODEL_MS });
    context.cleanup(() => models.close());
    const env = { SEGMENT_MODEL_URL: models.url, SEGMENT_CONCURRENCY: String(PLACES) };
    const services = await startBatchServices(context, env);
    const files = await storeImages(services.filesDir, [64]);
    const rateOf = async (prefix: string, images: number) => {
      await nameImages(services, files, prefix, images);
      const spec = { input: { prefix }, model: 'scores', outputs: ['geojson'] };
      return images / (await services.seconds(await services.submit('image.segment', spec), images));
    };
    /** An instance writes its setting to this row when it starts, and claims read it there. */
    const allow = async (places: number) => {
      const { primary } = services.stack;
      await primary.query(
        `update tidemark.job_kinds set limits = limits || jsonb_build_object('targetCalls', $1::int) where name = 'image.segment'`,
        [places],
      );
      await primary.query('delete from tidemark.job_targets');
    };
    await allow(1);
    await rateOf('warm/', 8);
    const one = await rateOf('one/', IMAGES[mode]);
    const mostOfOne = models.most();
    await allow(PLACES);
    const four = await rateOf('four/', IMAGES[mode]);
    context.log(`one at a time ${one.toFixed(1)} images/s, four ${four.toFixed(1)} images/s`);
    return [
      atLeast('times the rate of one at a time', TARGET[mode], four / one),
      equal('most images at a time, where one is allowed', 1, mostOfOne),
      atLeast('images at a time, where four are allowed', context.quick ? 1 : PLACES, models.most()),
    ];
  },
};
