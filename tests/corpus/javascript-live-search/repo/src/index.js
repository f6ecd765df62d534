export { Cache } from './cache.js';
export { highlight } from './highlight.js';
export { Search } from './search.js';
