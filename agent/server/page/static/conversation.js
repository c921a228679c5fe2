// One conversation: connects, keeps the transcript by the server's events, and what may be done.

import { Sound } from "./sound.js";
import { WebRtcTransport, WebSocketTransport, refusal } from "./transport.js";

const REPLAYED = 40; // items that a new connection is told of after the old one broke
const PATIENCE = [500, 1000, 2000, 4000, 8000]; // ms before each try to connect again

/**
 * Conversation with the server. Dispatches `change` when anything that is shown has changed.
 * `state`: idle, connecting, listening, hearing, thinking, speaking, reconnecting.
 * `items`: {id, role, text, partial, cut, heard, latency}, in their order.
 */
export class Conversation extends EventTarget {
  state = "idle";
  items = [];
  problem = "";
  problemCode = ""; // of what kept it from connecting
  muted = false;
  pushToTalk = false;
  sound = new Sound();
  #transport = null;
  #settings = {};
  #response = null;
  #waiting = []; // to be sent when the response under way has ended
  #recording = null;

  constructor({ base = new URL("/", location.href), key = "" } = {}) {
    super();
    this.base = base;
    this.key = key;
    this.sound.onlost = () => {
      this.problem = "The microphone is gone. Plug it in and press Talk again, or type instead.";
      this.#changed();
    };
  }

  /** Connect; call it from a click. `way`: auto, webrtc or websocket. */
  async connect({ way = "auto", microphone = true } = {}) {
    this.problem = this.problemCode = "";
    this.#become("connecting");
    try {
      await this.#openSound(microphone);
      await this.#openTransport(way);
    } catch (error) {
      this.sound.close();
      this.problem = explain(error);
      this.problemCode = error.code ?? error.name;
      this.#become("idle");
      return false;
    }
    this.way = way;
    return true;
  }

  /** End the conversation; the transcript stays. */
  close() {
    this.#transport?.close();
    this.#transport = null;
    this.sound.close();
    this.#become("idle");
  }

  /** Whether it is connected. */
  get open() {
    return this.#transport !== null;
  }

  /** Change instructions, voice or turn-taking; kept for the next connection, too. */
  update({ instructions, voice, pushToTalk } = {}) {
    if (instructions !== undefined) this.#settings.instructions = instructions;
    if (voice !== undefined) this.#settings.voice = voice;
    if (pushToTalk !== undefined) this.pushToTalk = pushToTalk;
    this.#send(this.#session());
    this.#listen();
  }

  /** Hear the user, or not one sample. */
  mute(muted) {
    this.muted = muted;
    this.#listen();
    this.#changed();
  }

  /** Push to talk: begin to speak. */
  press() {
    this.interrupt();
    this.#send({ type: "input_audio_buffer.clear" });
    this.sound.listening = true;
    this.#become("hearing");
  }

  /** Push to talk: that was all, answer. */
  release() {
    this.sound.listening = false;
    this.#send({ type: "input_audio_buffer.commit" });
    this.#answer();
    this.#become("thinking");
  }

  /** Say something by typing. */
  type(text) {
    this.interrupt();
    const content = [{ type: "input_text", text }];
    const item = { type: "message", role: "user", content };
    this.#send({ type: "conversation.item.create", item });
    this.#answer();
  }

  /** Stop the reply. */
  interrupt() {
    if (this.#response !== null) this.#send({ type: "response.cancel" });
    if (this.state === "speaking") this.#transport.silence();
  }

  /** Record both sides from now on, behind what has been recorded before; or no more. */
  record(on = true) {
    if (!on) this.sound.endRecord();
    if (!on || !this.open || this.sound.records) return;
    if (!this.sound.canRecord) {
      this.problem = "A browser records only on pages of this computer or over https.";
      this.#changed();
      return;
    }
    this.#recording ??= [];
    this.sound.record((block) => this.#recording.push(block));
  }

  /** The recording so far, as parts of a WAV file; null if there is none. */
  get recording() {
    return this.#recording;
  }

  async #openSound(microphone) {
    if (microphone && !navigator.mediaDevices) {
      throw Object.assign(new Error(), { name: "InsecureContext" });
    }
    await this.sound.open({ microphone });
    this.#listen();
  }

  async #openTransport(way) {
    const ways = { auto: [WebRtcTransport, WebSocketTransport], webrtc: [WebRtcTransport] };
    let tried = ways[way] ?? [WebSocketTransport];
    if (!this.sound.microphone || !window.RTCPeerConnection) tried = [WebSocketTransport];
    let problem;
    for (const Transport of tried) {
      const transport = new Transport(this.base, this.key, this.sound);
      transport.onclose = () => this.#lost(transport);
      try {
        const created = this.#follows(transport);
        await transport.connect();
        await created;
        this.#transport = transport;
        this.#send(this.#session());
        this.#become("listening");
        return;
      } catch (error) {
        transport.close();
        problem ??= error;
      }
    }
    throw problem;
  }

  /** Take the events of a transport; resolves when its session has begun. */
  #follows(transport) {
    const created = new Promise((resolve, reject) => {
      transport.onevent = (event) => {
        if (event.type === "session.created") resolve();
        else if (event.type === "error" && this.#transport !== transport) {
          reject(new Error(event.error.message));
        }
        this.#take(event);
      };
      setTimeout(() => reject(new Error("the server did not begin a session in time")), 8000);
    });
    created.catch(() => {}); // whoever waits for it is told
    return created;
  }

  #session() {
    const { instructions, voice } = this.#settings;
    const turn_detection = this.pushToTalk ? null : { type: "semantic_vad" };
    const transcription = { model: "default" };
    return {
      type: "session.update",
      session: {
        type: "realtime",
        include: ["parley.latency"],
        ...(instructions === undefined ? {} : { instructions }),
        audio: { input: { turn_detection, transcription }, ...(voice ? { output: { voice } } : {}) },
      },
    };
  }

  #listen() {
    this.sound.listening = !this.muted && !this.pushToTalk;
  }

  #send(event) {
    this.#transport?.send(event);
  }

  #answer() {
    const create = { type: "response.create" };
    if (this.#response === null) this.#send(create);
    else this.#waiting.push(create); // a second one at a time would be refused
  }

  /** The connection broke: try again, and tell the server what had been said. */
  async #lost(transport) {
    if (transport !== this.#transport) return;
    this.#transport = null;
    this.#response = null;
    this.#become("reconnecting");
    for (const wait of PATIENCE) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.state !== "reconnecting") return;
      try {
        await this.#openTransport(this.way);
        for (const item of this.items.slice(-REPLAYED)) this.#replay(item);
        return;
      } catch {
        continue;
      }
    }
    this.sound.close();
    this.problem = "The server is gone. Start it again, then press Talk: what was said stays here.";
    this.#become("idle");
  }

  #replay({ role, text, heard }) {
    const type = role === "user" ? "input_text" : "output_text";
    const said = heard ?? text;
    if (!said) return;
    const item = { type: "message", role, content: [{ type, text: said }] };
    this.#send({ type: "conversation.item.create", item });
  }

  #take(event) {
    this.dispatchEvent(new CustomEvent("server", { detail: event }));
    this.#transcribe(event);
    this.#follow(event);
    this.#changed();
  }

  /** What is said, and by whom. */
  #transcribe(event) {
    switch (event.type) {
      case "conversation.item.added":
        if (event.item.type === "message" && event.item.role !== "system") {
          this.#add(event.item, event.previous_item_id);
        }
        break;
      case "conversation.item.input_audio_transcription.delta":
        this.#change(event.item_id, (item) => {
          item.text += event.delta;
          item.partial = true;
        });
        break;
      case "conversation.item.input_audio_transcription.completed":
        this.#change(event.item_id, (item) => {
          item.text = event.transcript;
          item.partial = false;
        });
        break;
      case "conversation.item.input_audio_transcription.failed":
        this.#change(event.item_id, (item) => (item.text = "(not understood)"));
        break;
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        this.#change(event.item_id, (item) => (item.text += event.delta));
        break;
      case "conversation.item.truncated":
        // Which words were heard is known to the server.
        this.#change(event.item_id, (item) => (item.cut = true));
        this.#send({ type: "conversation.item.retrieve", item_id: event.item_id });
        break;
      case "conversation.item.retrieved":
        this.#change(event.item.id, (item) => {
          if (item.cut) item.heard = words(event.item);
        });
        break;
      case "conversation.item.deleted":
        this.items = this.items.filter((item) => item.id !== event.item_id);
        break;
      case "parley.turn_latency":
        this.#change(event.item_id, (item) => (item.latency = event));
        break;
    }
  }

  /** Who does what. */
  #follow(event) {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        this.#become("hearing");
        break;
      case "input_audio_buffer.speech_stopped":
        this.#become("thinking");
        break;
      case "response.created":
        if (event.response.conversation_id) this.#response = event.response.id;
        this.#become("thinking");
        break;
      case "response.output_audio.delta":
      case "output_audio_buffer.started":
        this.#become("speaking");
        break;
      case "output_audio_buffer.stopped":
      case "output_audio_buffer.cleared":
        if (this.state === "speaking") this.#become("listening");
        break;
      case "response.done":
        if (event.response.id === this.#response) this.#done(event.response);
        break;
      case "error":
        this.#wrong(event.error);
        break;
    }
  }

  #done({ status, status_details }) {
    this.#response = null;
    if (status === "completed") this.problem = ""; // it works again
    if (status === "failed") this.problem = status_details?.error?.message ?? "The answer failed.";
    if (this.state === "thinking") this.#become("listening");
    for (const event of this.#waiting.splice(0)) this.#send(event);
  }

  #wrong(error) {
    // Nothing was said, or there was nothing to stop: that is no problem of the user's.
    const harmless = ["response_cancel_not_active", "input_audio_buffer_commit_empty"];
    if (error.code === "input_audio_buffer_commit_empty") this.#become("listening");
    if (!harmless.includes(error.code)) this.problem = error.message;
  }

  #add(item, previous) {
    if (this.items.some((each) => each.id === item.id)) return;
    const row = { id: item.id, role: item.role, text: words(item), partial: false, cut: false };
    const place = this.items.findIndex((each) => each.id === previous);
    this.items.splice(place < 0 ? this.items.length : place + 1, 0, row);
  }

  #change(id, change) {
    const item = this.items.find((each) => each.id === id);
    if (item) change(item);
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The words of an item of the protocol. */
function words(item) {
  return (item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join(" ").trim();
}

/** Say for people what went wrong while connecting. */
export function explain(error) {
  const known = {
    invalid_api_key: "This server wants its key: write it under Settings, then try again.",
    NotAllowedError:
      "The browser may not use the microphone. Allow it at the icon beside the address, then press " +
      "Talk again; or type instead.",
    NotFoundError: "This computer has no microphone. Plug one in, or type instead.",
    NotReadableError: "The microphone is in use by another program. Close it, or type instead.",
    InsecureContext:
      "A browser gives the microphone only to pages of this computer or over https. Open the page " +
      "on https (parley serve --tls-cert … --tls-key …), or type instead.",
    TypeError: "The server cannot be reached. Is parley serve still running?",
  };
  return known[error.code] ?? known[error.name] ?? error.message;
}

/** Ask the server for its voices: names; none where it has no choice. */
export async function voicesOf(base, key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(new URL("v1/audio/voices", base), { headers });
  if (!answer.ok) throw await refusal(answer);
  const { voices } = await answer.json();
  return voices.map((voice) => (typeof voice === "string" ? voice : voice.id ?? voice.name));
}
