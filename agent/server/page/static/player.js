// What plays samples on a page that is not secure: there a browser has no audio worklet.

/** Plays blocks in their order, with the messages of the worklet's player (`worklet.js`). */
export class ScheduledPlayer {
  port = { onmessage: () => {}, postMessage: (data) => this.#take(data) };
  #blocks = []; // {item, start, length, source}
  #until = 0; // when all of them will have been played
  #before = { item: null, played: 0 }; // what had been played when it was silent last

  constructor(context) {
    this.context = context;
    this.node = context.createGain();
  }

  connect(target) {
    this.node.connect(target);
  }

  #take({ item, samples, clear }) {
    if (clear) {
      for (const { source } of this.#blocks) {
        source.onended = null;
        source.stop();
      }
      this.#tell(true);
      this.#until = 0;
      return;
    }
    const { context } = this;
    const buffer = context.createBuffer(1, samples.length, context.sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(this.node);
    source.onended = () => this.#tell();
    const start = Math.max(context.currentTime + 0.02, this.#until);
    this.#until = start + buffer.duration;
    this.#blocks.push({ item, start, length: samples.length, source });
    source.start(start);
  }

  #tell(cleared = false) {
    const { currentTime, sampleRate } = this.context;
    const item = this.#blocks.findLast(({ start }) => start <= currentTime)?.item;
    if (item === undefined) return;
    let played = this.#before.item === item ? this.#before.played : 0;
    for (const block of this.#blocks.filter((each) => each.item === item)) {
      const heard = Math.round((currentTime - block.start) * sampleRate);
      played += Math.max(0, Math.min(heard, block.length));
    }
    const silent = cleared || currentTime >= this.#until - 0.005;
    if (silent) {
      this.#before = { item, played };
      this.#blocks = [];
    }
    this.port.onmessage({ data: { item, played, silent } });
  }
}
