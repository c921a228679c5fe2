// The audio thread: what captures, plays and records. Samples are float32, messages are blocks.

/** Captures the microphone: posts Float32Array blocks of 40 ms. */
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate * 0.04));
    this.filled = 0;
  }

  process([[input]]) {
    if (!input) return true;
    for (let taken = 0; taken < input.length; ) {
      const part = input.subarray(taken, taken + this.block.length - this.filled);
      this.block.set(part, this.filled);
      this.filled += part.length;
      taken += part.length;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

/**
 * Plays blocks in their order, each of an item of the conversation.
 * In: {item, samples} to play, {clear: true} to be silent at once.
 * Out: {item, played, silent} samples of an item that left, four times a second; silent at the end.
 */
class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.at = 0;
    this.item = null;
    this.played = 0;
    this.told = 0;
    this.port.onmessage = ({ data }) => {
      if (data.clear) {
        this.queue = [];
        this.at = 0;
        this.tell();
        this.item = null;
      } else {
        this.queue.push(data);
      }
    };
  }

  tell() {
    const silent = this.queue.length === 0;
    if (this.item !== null) this.port.postMessage({ item: this.item, played: this.played, silent });
    this.told = 0;
  }

  process(_, [[output]]) {
    let filled = 0;
    while (filled < output.length && this.queue.length) {
      const { item, samples } = this.queue[0];
      if (item !== this.item) {
        this.tell();
        this.item = item;
        this.played = 0;
      }
      const part = samples.subarray(this.at, this.at + output.length - filled);
      output.set(part, filled);
      filled += part.length;
      this.at += part.length;
      this.played += part.length;
      if (this.at === samples.length) {
        this.queue.shift();
        this.at = 0;
      }
    }
    this.told += filled;
    if (this.told > sampleRate / 4 || (this.told && !this.queue.length)) this.tell();
    return true;
  }
}

/** Records two mono inputs, user and agent: posts interleaved Int16Array blocks of a second. */
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(2 * sampleRate);
    this.filled = 0;
  }

  process([user, agent]) {
    const length = (user[0] ?? agent[0] ?? { length: 128 }).length;
    for (let index = 0; index < length; index += 1) {
      for (const side of [user[0], agent[0]]) {
        const sample = Math.max(-1, Math.min(1, side ? side[index] : 0));
        this.block[this.filled] = Math.round(sample * 32767);
        this.filled += 1;
      }
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("parley-capture", Capture);
registerProcessor("parley-player", Player);
registerProcessor("parley-recorder", Recorder);
