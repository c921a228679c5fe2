// The view of a conversation: buttons and keys in, transcript, levels and latencies out.

import { Conversation, voicesOf } from "./conversation.js";
import { download, wavFile } from "./pcm.js";

const $ = (id) => document.getElementById(id);
const conversation = new Conversation({ base: new URL("..", import.meta.url) });
const STATES = {
  idle: "Press Talk, or type below.",
  connecting: "Connecting …",
  listening: "Listening.",
  hearing: "You speak.",
  thinking: "Thinking.",
  speaking: "Speaking: cut in whenever you like.",
  reconnecting: "The connection broke. Connecting again …",
};
const PARTS = [
  ["endpoint_ms", "endpoint"],
  ["stt_ms", "words"],
  ["llm_ttft_ms", "model"],
  ["tts_ttfa_ms", "voice"],
  ["playback_ms", "playback"],
];

function show() {
  const { open, state, muted, pushToTalk, problem } = conversation;
  $("start").textContent = open || state === "reconnecting" ? "End" : "Talk";
  $("start").disabled = state === "connecting";
  $("mute").disabled = !open || pushToTalk || !conversation.sound.microphone;
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").textContent = muted ? "Unmute" : "Mute";
  $("stop").disabled = state !== "speaking";
  $("push").hidden = !open || !pushToTalk || !conversation.sound.microphone;
  const told = muted && state === "listening" ? "Muted: it hears nothing." : STATES[state];
  if ($("state").textContent !== told) $("state").textContent = told;
  document.body.dataset.state = state;
  $("problem").hidden = !problem;
  if ($("problem").textContent !== problem) $("problem").textContent = problem;
  $("save-transcript").disabled = !conversation.items.length;
  $("save-recording").disabled = !conversation.recording?.length;
  showItems();
}

/** Bring the list up to date, row by row: a screen reader is told of what is new alone. */
function showItems() {
  const list = $("transcript");
  conversation.items.forEach((item, index) => {
    let row = document.getElementById(`item-${item.id}`);
    if (row === null) {
      row = document.createElement("li");
      row.id = `item-${item.id}`;
      row.className = item.role;
      row.innerHTML = '<b class="who"></b> <span class="said"></span><del class="cut"></del>' +
        '<small class="note"></small><div class="latency"></div>';
      row.querySelector(".who").textContent = item.role === "user" ? "You" : "Parley";
      list.insertBefore(row, list.children[index] ?? null);
      row.scrollIntoView({ block: "nearest" });
    }
    showItem(row, item);
  });
  for (const row of [...list.children].slice(conversation.items.length)) row.remove();
}

function showItem(row, item) {
  const heard = item.heard ?? item.text;
  const unheard = item.heard === undefined ? "" : item.text.slice(common(item.heard, item.text));
  const note = item.cut && unheard.trim() ? "cut off: the struck words were not heard" : "";
  const parts = { said: heard || (item.partial ? "…" : ""), cut: unheard, note };
  for (const [name, text] of Object.entries(parts)) {
    const element = row.querySelector(`.${name}`);
    if (element.textContent !== text) element.textContent = text;
  }
  row.classList.toggle("partial", item.partial);
  const latency = row.querySelector(".latency");
  if (item.latency && !latency.childElementCount) latency.append(...waterfall(item.latency));
}

/** How many letters of `text` are the words that `heard` has, whatever stands between them. */
function common(heard, text) {
  const words = heard.split(/\s+/).filter(Boolean).length;
  const match = text.match(new RegExp(`^\\s*(?:\\S+\\s*){${words}}`));
  return match === null ? text.length : match[0].length;
}

/** The latency of a turn as a row of bars, one for each part, with its total in words. */
function waterfall(latency) {
  const parts = PARTS.filter(([key]) => latency[key] > 0);
  const bars = document.createElement("div");
  bars.className = "bars";
  bars.setAttribute("role", "img");
  const told = parts.map(([key, name]) => `${name} ${Math.round(latency[key])}`).join(", ");
  const total = Math.round(latency.total_ms ?? parts.reduce((sum, [key]) => sum + latency[key], 0));
  bars.setAttribute("aria-label", `${total} ms until the answer: ${told}`);
  for (const [key, name] of parts) {
    const bar = document.createElement("span");
    bar.className = key;
    bar.style.flexGrow = latency[key];
    bar.title = `${name} ${Math.round(latency[key])} ms`;
    bars.append(bar);
  }
  const text = document.createElement("small");
  text.textContent = `${total} ms: ${told}`;
  return [bars, text];
}

async function start({ microphone = true } = {}) {
  if (conversation.open || conversation.state === "reconnecting") {
    conversation.close();
    return;
  }
  conversation.key = $("key").value.trim();
  const way = $("way").value;
  conversation.update(settings()); // also what nobody has applied
  if (await conversation.connect({ way, microphone })) {
    if ($("record").checked) conversation.record();
    fillVoices();
    meter();
  } else if (conversation.problemCode === "invalid_api_key") {
    document.querySelector("details.settings").open = true;
    $("key").focus();
  }
}

/** The settings as they stand there; what is empty is as configured, unless it was otherwise. */
function settings() {
  const [instructions, voice] = [$("instructions").value, $("voice").value];
  const set = { instructions, voice, pushToTalk: $("push-to-talk").checked };
  if (!instructions && !applied.instructions) delete set.instructions;
  applied = set;
  return set;
}

let applied = {};

async function fillVoices() {
  const select = $("voice");
  try {
    const names = await voicesOf(conversation.base, conversation.key);
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...names.map((name) => new Option(name, name)));
    select.value = names.includes(chosen) ? chosen : "";
  } catch {
    // It may be that the key is still missing: they are asked for again once it talks.
  }
}

function meter() {
  if (!conversation.open) return;
  const { user, agent } = conversation.sound.levels;
  $("level-user").value = conversation.muted ? 0 : user;
  $("level-agent").value = agent;
  requestAnimationFrame(meter);
}

function transcriptText() {
  return conversation.items
    .map(({ role, text, heard, cut }) =>
      `${role === "user" ? "You" : "Parley"}: ${heard ?? text}${cut ? " [cut off]" : ""}`)
    .join("\n") + "\n";
}

function hold(down) {
  if ($("push").hidden || down === $("push").classList.contains("held")) return;
  $("push").classList.toggle("held", down);
  if (down) conversation.press();
  else conversation.release();
}

conversation.addEventListener("change", show);
$("start").addEventListener("click", () => start());
$("mute").addEventListener("click", () => conversation.mute(!conversation.muted));
$("stop").addEventListener("click", () => conversation.interrupt());
$("push").addEventListener("pointerdown", () => hold(true));
for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
  $("push").addEventListener(end, () => hold(false));
}
const typing = (target) => target.closest("input, textarea, select, button, summary, a") !== null;
addEventListener("keydown", (event) => {
  if (event.code !== "Space" || event.repeat || (typing(event.target) && event.target !== $("push"))) return;
  if (!$("push").hidden) {
    event.preventDefault();
    hold(true);
  }
});
addEventListener("keyup", (event) => event.code === "Space" && hold(false));
$("typing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("message").value.trim();
  if (!text) return;
  if (!conversation.open) await start({ microphone: false });
  if (!conversation.open) return;
  $("message").value = "";
  conversation.type(text);
});
$("key-form").addEventListener("submit", (event) => event.preventDefault());
$("apply").addEventListener("click", () => {
  conversation.update(settings());
  $("applied").textContent = conversation.open ? "From the next answer on." : "From the start on.";
});
for (const id of ["voice", "instructions"]) {
  $(id).addEventListener("input", () => ($("applied").textContent = ""));
}
$("push-to-talk").addEventListener("change", () =>
  conversation.update({ pushToTalk: $("push-to-talk").checked }));
$("record").addEventListener("change", () => conversation.record($("record").checked));
$("save-transcript").addEventListener("click", () =>
  download(new Blob([transcriptText()], { type: "text/plain" }), "conversation.txt"));
$("save-recording").addEventListener("click", () =>
  download(wavFile(conversation.recording, conversation.sound.rate, 2), "conversation.wav"));
addEventListener("pagehide", () => conversation.close());

const tabs = [...document.querySelectorAll('[role="tab"]')];
function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  dispatchEvent(new CustomEvent("view", { detail: tab.getAttribute("aria-controls") }));
}
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
    next.focus();
    choose(next);
  });
}
show();
fillVoices();
