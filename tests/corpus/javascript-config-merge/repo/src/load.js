import { fromEnvironment } from './environment.js';
import { merge } from './merge.js';

export const DEFAULTS = {
  server: { host: 'localhost', port: 8080, tls: { enabled: false } },
  log: { level: 'info', targets: ['stdout'] },
  plugins: {},
};

/** Settings from a file's content and the environment over the defaults. */
export function load(file = {}, variables = {}) {
  return [file, fromEnvironment(variables)].reduce(merge, DEFAULTS);
}

/** A setting by its path, such as `server.port`. */
export function at(settings, path) {
  return path.split('.').reduce((value, step) => value?.[step], settings);
}
