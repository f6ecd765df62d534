export { Client } from './client.js';
export { join } from './join.js';
export { query, withQuery } from './query.js';
