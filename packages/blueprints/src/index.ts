export { DEMO_IMAGES_PREFIX, loadDemoImages } from './demo-images.ts';
export { errors as blueprintErrors } from './errors.ts';
export { BLUEPRINTS, type BlueprintName, type LoadOptions, loadBlueprint } from './load.ts';
