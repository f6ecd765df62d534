/** Reads `APP_SERVER__PORT=8080` as `{ server: { port: 8080 } }`. */
export function fromEnvironment(variables, prefix = 'APP_') {
  const settings = {};
  for (const name of Object.keys(variables).sort()) {
    if (!name.startsWith(prefix)) continue;
    const path = name.slice(prefix.length).toLowerCase().split('__');
    let place = settings;
    for (const step of path.slice(0, -1)) place = place[step] ??= {};
    place[path.at(-1)] = value(variables[name]);
  }
  return settings;
}

function value(text) {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
