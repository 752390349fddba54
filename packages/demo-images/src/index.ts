export { type DemoImage, type GenerateImagesOptions, generateImages } from './generate-images.ts';
