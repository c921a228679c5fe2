// The studio: scripts for Dia2's or Dia's two speakers, heard while they are rendered; voices made and kept.

import { explain } from "./conversation.js";
import { fromBytes, wavFile } from "./pcm.js";
import { Sound } from "./sound.js";
import { refusal } from "./transport.js";

const $ = (id) => document.getElementById(id);
const base = new URL("../studio/", import.meta.url);
const sound = new Sound();
let rendering = null; // the AbortController of the script under way
let looked = false;

function ask(path, options = {}) {
  const key = $("key").value.trim();
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  return fetch(new URL(path, base), { ...options, headers });
}

function tell(problem, state = "") {
  $("studio-problem").hidden = !problem;
  $("studio-problem").textContent = problem;
  $("studio-state").textContent = state;
}

/** Look once, when the studio is first opened: is Dia2 or Dia there, which sounds and voices has it? */
async function look() {
  try {
    const answer = await ask("");
    if (!answer.ok) throw await refusal(answer);
    const { sounds, voices } = await answer.json();
    $("inserts").replaceChildren();
    for (const text of ["[S1] ", "[S2] ", '<break time="0.5s"/> ', ...sounds.map((each) => `(${each}) `)]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text.trim();
      button.addEventListener("click", () => insert(text));
      $("inserts").append(button);
    }
    showVoices(voices);
    looked = true;
    $("render").disabled = false;
    tell("");
  } catch (error) {
    tell(explain(error));
    $("render").disabled = true;
  }
}

function insert(text) {
  const { selectionStart, selectionEnd } = $("script");
  $("script").setRangeText(text, selectionStart, selectionEnd, "end");
  $("script").focus();
}

function showVoices(voices) {
  for (const select of [$("voice-1"), $("voice-2")]) {
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...voices.map(({ name }) => new Option(name, name)));
    select.value = voices.some(({ name }) => name === chosen) ? chosen : "";
  }
  $("voices").replaceChildren(...voices.map(voiceRow));
}

function voiceRow({ name, seconds, text }) {
  const row = document.createElement("li");
  const about = document.createElement("span");
  about.textContent = `${name} (${seconds.toFixed(1)} s): ${text}`;
  const play = document.createElement("button");
  play.type = "button";
  play.textContent = "Play";
  play.setAttribute("aria-label", `Play ${name}`);
  play.addEventListener("click", () => listenTo(`voices/${encodeURIComponent(name)}`));
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "Delete";
  remove.setAttribute("aria-label", `Delete ${name}`);
  remove.addEventListener("click", async () => {
    if (!confirm(`Delete the voice ${name}?`)) return;
    await change(`voices/${encodeURIComponent(name)}`, { method: "DELETE" });
  });
  row.append(about, play, remove);
  return row;
}

/** Change the voices; the answer is the new list. Whether it was done. */
async function change(path, options) {
  try {
    const answer = await ask(path, options);
    if (!answer.ok) throw await refusal(answer);
    showVoices((await answer.json()).voices);
    return true;
  } catch (error) {
    tell(explain(error));
    return false;
  }
}

async function listenTo(path) {
  try {
    const answer = await ask(path);
    if (!answer.ok) throw await refusal(answer);
    $("listen").src = URL.createObjectURL(await answer.blob());
    $("listen").hidden = false;
    await $("listen").play();
  } catch (error) {
    tell(explain(error));
  }
}

/** Render the script; samples are played as they come, and kept for the file. */
async function render() {
  const number = (id) => ($(id).value === "" ? undefined : Number($(id).value));
  const request = {
    script: $("script").value,
    voices: [$("voice-1").value, $("voice-2").value].filter(Boolean),
    cfg: number("cfg"),
    temperature: number("temperature"),
    seed: number("seed"),
  };
  if ($("voice-2").value && !$("voice-1").value) {
    tell("A voice of [S2] wants one of [S1] beside it: choose that, too.");
    $("voice-1").focus();
    return;
  }
  rendering = new AbortController();
  busy(true);
  tell("", "Rendering …");
  const parts = [];
  try {
    await sound.open({ microphone: false });
    const answer = await ask("render", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
      signal: rendering.signal,
    });
    if (!answer.ok) throw await refusal(answer);
    const seed = answer.headers.get("Parley-Seed");
    await play(answer.body.getReader(), parts);
    tell("", `${seconds(parts).toFixed(1)} s of speech, seed ${seed}.`);
  } catch (error) {
    if (error.name === "AbortError") tell("", `Stopped after ${seconds(parts).toFixed(1)} s.`);
    else tell(explain(error));
  }
  busy(false);
  if (parts.length) offer(wavFile(parts, sound.rate, 1));
}

async function play(reader, parts) {
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    const even = bytes.length & ~1; // a sample may be cut in two on its way
    rest = bytes.slice(even);
    if (!even) continue;
    parts.push(bytes.slice(0, even));
    sound.play("script", fromBytes(bytes.subarray(0, even)));
    tell("", `Rendering … ${seconds(parts).toFixed(1)} s`);
  }
}

function seconds(parts) {
  return parts.reduce((sum, part) => sum + part.byteLength, 0) / 2 / sound.rate;
}

function busy(on) {
  $("render").disabled = on;
  $("render-stop").disabled = !on;
  $("rendered").hidden = !on;
  $("rendered").removeAttribute("value"); // how long it becomes is not known
  if (on) {
    $("wav").hidden = true;
    $("listen").hidden = true;
    $("listen").pause();
  }
}

function offer(file) {
  const address = URL.createObjectURL(file);
  $("wav").href = address;
  $("wav").hidden = false;
  $("listen").src = address;
  $("listen").hidden = false;
}

addEventListener("view", ({ detail }) => detail === "studio" && !looked && look());
$("script-form").addEventListener("submit", (event) => {
  event.preventDefault();
  render();
});
$("render-stop").addEventListener("click", () => {
  rendering?.abort();
  sound.clear();
});
$("voice-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData();
  form.set("name", $("voice-name").value);
  form.set("consent", $("consent").checked ? "yes" : "");
  form.set("clip", $("clip").files[0]);
  tell("", "Listening to the recording …");
  if (await change("voices", { method: "POST", body: form })) {
    tell("", `The voice ${$("voice-name").value} is kept.`);
    event.target.reset();
  }
});
