export const FINAL = new Set(['done', 'cancelled']);

/** One file on its way: waiting, sending, paused, failed, done or cancelled. */
export class Upload {
  constructor(name, size) {
    if (!(size > 0)) throw new RangeError('an upload has a size');
    this.name = name;
    this.size = size;
    this.sent = 0;
    this.state = 'waiting';
    this.attempts = 0;
  }

  start() {
    this.state = 'sending';
    this.attempts += 1;
  }

  /** The transport has sent so many bytes in all. */
  progress(sent) {
    this.sent = sent;
    if (this.sent >= this.size) this.state = 'done';
  }

  fail() {
    this.state = 'failed';
  }

  pause() {
    this.state = 'paused';
  }

  cancel() {
    this.state = 'cancelled';
  }

  get percent() {
    return Math.floor((this.sent / this.size) * 100);
  }
}
