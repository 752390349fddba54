export type { Blueprint } from './blueprint.ts';
export { blueprintNamed, blueprints } from './blueprints.ts';
export { dropBlueprintSql } from './drop.ts';
export { errors as blueprintErrors } from './errors.ts';
export { DEMO_IMAGES_PREFIX, loadDemoImages } from './images/demo-images.ts';
export { type DemoImage, type GenerateImagesOptions, generateImages } from './images/generate-images.ts';
export { type CellImage, drawCells, type Region } from './imaging/draw-cells.ts';
export {
  type LargeDataOptions,
  type LoadOptions,
  loadBlueprint,
  loadDrawnImages,
  loadedBlueprints,
  loadLargeData,
} from './load.ts';
export { readmeOf } from './readme.ts';
