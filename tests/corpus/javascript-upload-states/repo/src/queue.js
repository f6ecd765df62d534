import { FINAL, Upload } from './upload.js';

/** Sends one upload at a time. `send` gets the upload and is told nothing more; signals come by name. */
export class Queue {
  constructor(send, { attempts = 3 } = {}) {
    this.send = send;
    this.attempts = attempts;
    this.uploads = new Map();
    this.counts = { done: 0, cancelled: 0 };
  }

  add(name, size) {
    if (this.uploads.has(name)) throw new RangeError(`${name} is there already`);
    this.uploads.set(name, new Upload(name, size));
    this.#next();
  }

  /** A signal of the transport or of the user: progress, fail, pause, resume, cancel. */
  signal(name, kind, value) {
    const upload = this.uploads.get(name);
    if (!upload) return;
    if (kind === 'progress') upload.progress(value);
    else if (kind === 'fail') {
      upload.fail();
      if (upload.attempts < this.attempts) upload.state = 'waiting';
    } else if (kind === 'pause') upload.pause();
    else if (kind === 'resume') upload.state = 'waiting';
    else if (kind === 'cancel') upload.cancel();
    else throw new TypeError(`no signal ${kind}`);
    if (FINAL.has(upload.state)) this.counts[upload.state] += 1;
    this.#next();
  }

  #next() {
    const all = [...this.uploads.values()];
    if (all.some((upload) => upload.state === 'sending')) return;
    const next = all.find((upload) => upload.state === 'waiting');
    if (next) {
      next.start();
      this.send(next);
    }
  }

  states() {
    return Object.fromEntries([...this.uploads.values()].map((upload) => [upload.name, upload.state]));
  }
}
