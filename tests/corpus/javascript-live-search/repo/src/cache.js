/** Keeps the answers asked for last. */
export class Cache {
  constructor(size = 20) {
    this.size = size;
    this.answers = new Map();
  }

  get(text) {
    const found = this.answers.get(text);
    if (found !== undefined) {
      this.answers.delete(text);
      this.answers.set(text, found);
    }
    return found;
  }

  put(text, answer) {
    this.answers.delete(text);
    this.answers.set(text, answer);
    if (this.answers.size > this.size) this.answers.delete(this.answers.keys().next().value);
  }
}
