// Two ways to the server, with one face: `connect`, `send(event)`, `close`, and `onevent`, `onclose`.

import { fromBase64, toBase64 } from "./pcm.js";

/** WebRTC: the browser cancels echo, the server paces the sound and knows what was heard. */
export class WebRtcTransport {
  onevent = () => {};
  onclose = () => {};
  #peer = null;
  #channel = null;
  #element = null;

  constructor(base, key, sound) {
    Object.assign(this, { base, key, sound });
  }

  /** Connect; resolves when events can be sent. Throws Error with a message for people. */
  async connect() {
    const peer = (this.#peer = new RTCPeerConnection());
    peer.ontrack = ({ streams, track }) => {
      this.#element = this.sound.hear(streams[0] ?? new MediaStream([track]));
    };
    peer.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(peer.connectionState)) this.#ended();
    };
    for (const track of this.sound.microphone.getTracks()) {
      peer.addTrack(track, this.sound.microphone);
    }
    const channel = (this.#channel = peer.createDataChannel("oai-events"));
    const opened = new Promise((resolve, reject) => {
      channel.onopen = resolve;
      channel.onerror = () => reject(new Error("the connection for sound could not be made"));
      setTimeout(() => reject(new Error("the connection for sound was not made in time")), 8000);
    });
    opened.catch(() => {});
    channel.onmessage = ({ data }) => this.onevent(JSON.parse(data));
    channel.onclose = () => this.#ended();
    await peer.setLocalDescription();
    await gathered(peer);
    const answer = await fetch(new URL("v1/realtime/calls", this.base), {
      method: "POST",
      headers: {
        "Content-Type": "application/sdp",
        ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}),
      },
      body: peer.localDescription.sdp,
    });
    if (!answer.ok) throw await refusal(answer);
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    await opened;
  }

  send(event) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(event));
  }

  /** Be silent: the server's queue is dropped, and it knows what was heard. */
  silence() {
    this.send({ type: "output_audio_buffer.clear" });
  }

  close() {
    this.onclose = () => {};
    this.#element?.pause();
    this.#channel?.close();
    this.#peer?.close();
  }

  #ended() {
    this.onclose();
    this.close();
  }
}

/** WebSocket: samples in messages. Without a microphone it still types and listens. */
export class WebSocketTransport {
  onevent = () => {};
  onclose = () => {};
  #socket = null;
  #heard = { item: null, played: 0 };
  #sounding = null; // the item that is playing
  #complete = true; // whether all of its sound has come

  constructor(base, key, sound) {
    Object.assign(this, { base, key, sound });
  }

  /** Connect; resolves when events can be sent. Throws Error with a message for people. */
  async connect() {
    const url = new URL("v1/realtime", this.base);
    url.protocol = url.protocol.replace("http", "ws");
    const protocols = this.key ? ["realtime", `openai-insecure-api-key.${this.key}`] : ["realtime"];
    const socket = (this.#socket = new WebSocket(url, protocols));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = () => this.#reason().then(reject, reject);
    });
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => this.onclose();
    this.sound.onplayed = (heard) => {
      this.#heard = heard;
      // The server does not know when this page has played all: with WebRTC it does, and says so.
      if (heard.silent && this.#complete) this.#stopped();
    };
    if (this.sound.microphone) {
      this.sound.capture((samples) =>
        this.send({ type: "input_audio_buffer.append", audio: toBase64(samples) }));
    }
  }

  /** Why there is no connection, as an Error: a browser does not tell what a WebSocket was told. */
  async #reason() {
    if (!this.key.startsWith("ek_")) {
      const headers = this.key ? { Authorization: `Bearer ${this.key}` } : {};
      const models = await fetch(new URL("v1/models", this.base), { headers });
      if (!models.ok) return refusal(models);
    }
    const ready = await fetch(new URL("readyz", this.base));
    const { status, reason } = await ready.json();
    if (status === "loading") return new Error("The server still loads its models: try again soon.");
    if (status === "failed") return new Error(`The server cannot talk: ${reason}`);
    return new Error("The server is busy: try again in some seconds.");
  }

  send(event) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event));
  }

  /** Be silent, and tell the server how much of the reply was heard. */
  silence() {
    const item = this.#sounding;
    this.#sounding = null;
    this.sound.clear();
    if (item === null) return;
    const played = this.#heard.item === item ? this.#heard.played : 0;
    const audio_end_ms = Math.floor((played / this.sound.rate) * 1000);
    this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms });
  }

  close() {
    this.onclose = () => {};
    this.#socket?.close();
  }

  #stopped() {
    this.#sounding = null;
    this.onevent({ type: "output_audio_buffer.stopped" });
  }

  #take(event) {
    if (event.type === "response.output_audio.delta") {
      this.#sounding = event.item_id;
      this.#complete = false;
      this.sound.play(event.item_id, fromBase64(event.delta));
    } else if (event.type === "response.output_audio.done") {
      this.#complete = true;
      if (this.#heard.silent && this.#heard.item === event.item_id) this.#stopped();
    } else if (event.type === "input_audio_buffer.speech_started") {
      this.silence();
    }
    this.onevent(event);
  }
}

/** Wait until the browser has its candidates, or a second: the offer is sent whole. */
function gathered(peer) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") resolve();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
    setTimeout(resolve, 1000);
  });
}

/** Make an Error for people of an answer in OpenAI's shape, or of any other. */
export async function refusal(answer) {
  const body = await answer.json().catch(() => null);
  const error = new Error(body?.error?.message ?? `the server answered ${answer.status}`);
  return Object.assign(error, { code: body?.error?.code });
}
