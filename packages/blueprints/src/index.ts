export { errors as blueprintErrors } from './errors.ts';
export { DEMO_IMAGES_PREFIX, loadDemoImages } from './images/demo-images.ts';
export { type DemoImage, type GenerateImagesOptions, generateImages } from './images/generate-images.ts';
export { BLUEPRINTS, type BlueprintName, type LoadOptions, loadBlueprint } from './load.ts';
