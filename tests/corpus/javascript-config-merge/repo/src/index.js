export { fromEnvironment } from './environment.js';
export { at, DEFAULTS, load } from './load.js';
export { isPlain, merge } from './merge.js';
