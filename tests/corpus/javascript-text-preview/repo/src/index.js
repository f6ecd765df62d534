export { flatten, initials, preview } from './preview.js';
export { middle, shorten } from './shorten.js';
export { length, take, takeLast } from './width.js';
