export { Queue } from './queue.js';
export { summary } from './summary.js';
export { Upload } from './upload.js';
