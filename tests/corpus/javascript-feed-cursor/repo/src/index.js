export { decode, encode } from './cursor.js';
export { Feed, LARGEST_PAGE } from './feed.js';
export { walk } from './walk.js';
