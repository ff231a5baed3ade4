/** A file of its own, so that it is loaded late and without the rest of the package. */
export { loadSharedConfigFiles } from '@smithy/core/config';
