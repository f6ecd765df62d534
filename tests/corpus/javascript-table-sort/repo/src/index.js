export { compare, isEmpty } from './compare.js';
export { Grid } from './grid.js';
export { sortBy } from './sort.js';
