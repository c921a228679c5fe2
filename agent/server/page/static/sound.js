// The sound of this page: one AudioContext, the microphone, levels, and what plays samples.

import { ScheduledPlayer } from "./player.js";

const RATE = 24000;

/** Sound holds the context, the microphone and the meters; `open` it after a click or a key. */
export class Sound {
  #context = null;
  #microphone = null;
  #capture = null;
  #player = null;
  #recorder = null;
  #meters = { user: null, agent: null };
  onlost = () => {}; // the microphone has been unplugged, or taken away

  /** Open the context, and the microphone unless `silent`. Throws what the browser says. */
  async open({ microphone = true } = {}) {
    this.#context ??= new AudioContext({ sampleRate: RATE });
    await this.#context.resume();
    if (this.#player === null) {
      this.#player = await makePlayer(this.#context);
      this.#player.connect(this.#context.destination);
      this.#meters.agent = this.#meter(this.#player);
    }
    if (microphone && this.#microphone === null) {
      this.#microphone = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
      this.#meters.user = this.#meter(this.#context.createMediaStreamSource(this.#microphone));
      for (const track of this.#microphone.getTracks()) track.onended = () => this.onlost();
    }
  }

  /** The microphone's stream, or null. */
  get microphone() {
    return this.#microphone;
  }

  /** Let the microphone be heard, or not one sample of it. */
  set listening(on) {
    for (const track of this.#microphone?.getTracks() ?? []) track.enabled = on;
  }

  /** Hand every block of the microphone, float32 at 24 kHz, to `take`. */
  capture(take) {
    const source = this.#context.createMediaStreamSource(this.#microphone);
    this.#capture = new AudioWorkletNode(this.#context, "parley-capture", { numberOfOutputs: 0 });
    this.#capture.port.onmessage = ({ data }) => take(data);
    source.connect(this.#capture);
  }

  /** Play samples of an item, after what is playing. */
  play(item, samples) {
    this.#player.port.postMessage({ item, samples }, [samples.buffer]);
  }

  /** Be silent at once. */
  clear() {
    this.#player.port.postMessage({ clear: true });
  }

  /** Be told {item, played, silent}: the samples of an item that have been heard. */
  set onplayed(told) {
    this.#player.port.onmessage = ({ data }) => told(data);
  }

  /** Play a stream that WebRTC brings, and measure it. */
  hear(stream) {
    // Chromium gives the samples of a remote stream to a context only while an element has it.
    const element = new Audio();
    element.srcObject = stream;
    element.muted = false;
    element.play().catch(() => {});
    this.#meters.agent = this.#meter(this.#context.createMediaStreamSource(stream));
    if (this.records) this.#meters.agent.connect(this.#recorder, 0, 1);
    return element;
  }

  /** Levels from 0 to 1 of user and agent. */
  get levels() {
    return { user: level(this.#meters.user), agent: level(this.#meters.agent) };
  }

  /** Record both sides from now on; `take` gets interleaved Int16Array blocks at 24 kHz. */
  record(take) {
    this.#recorder = new AudioWorkletNode(this.#context, "parley-recorder", {
      numberOfInputs: 2,
      numberOfOutputs: 0,
    });
    this.#recorder.port.onmessage = ({ data }) => take(data);
    this.#meters.user?.connect(this.#recorder, 0, 0);
    this.#meters.agent?.connect(this.#recorder, 0, 1);
  }

  /** Whether both sides can be recorded here: not on a page that is not secure. */
  get canRecord() {
    return Boolean(this.#context?.audioWorklet);
  }

  /** Whether both sides are being recorded. */
  get records() {
    return this.#recorder !== null;
  }

  /** Record no more. */
  endRecord() {
    if (this.#recorder === null) return;
    for (const meter of [this.#meters.user, this.#meters.agent]) meter?.disconnect(this.#recorder);
    this.#recorder.port.onmessage = null;
    this.#recorder = null;
  }

  /** The rate in Hz of all samples here. */
  get rate() {
    return RATE;
  }

  /** Give the microphone back; what plays is silent. */
  close() {
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#microphone = null;
    this.#capture?.disconnect();
    this.#capture = null;
    this.endRecord();
    this.#meters.user = null;
    if (this.#player !== null) this.clear();
  }

  #meter(source) {
    const meter = this.#context.createAnalyser();
    meter.fftSize = 1024;
    source.connect(meter);
    return meter;
  }
}

async function makePlayer(context) {
  if (!context.audioWorklet) return new ScheduledPlayer(context); // the page is not secure
  await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
  return new AudioWorkletNode(context, "parley-player", { numberOfInputs: 0, outputChannelCount: [1] });
}

function level(meter) {
  if (meter === null) return 0;
  const samples = new Float32Array(meter.fftSize);
  meter.getFloatTimeDomainData(samples);
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.max(0, Math.min(1, 1 + Math.log10(power + 1e-10) / 6));
}
