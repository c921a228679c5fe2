// The talk button for any page of an allowed origin:
//   <script src="https://HOST:8765/parley.js" data-agent="Ask us" data-instructions="…" async></script>
// data-agent: the button's text; data-voice, data-instructions: as on the page; data-key: a
// short-lived key (ek_…) that the page's own server fetched.

(() => {
  const script = document.currentScript;
  const { agent = "Talk", voice, instructions, key = "" } = script.dataset;
  const base = new URL(".", script.src);

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" }); // the page's style does not reach it, nor its own the page
  root.innerHTML = `
    <style>
      :host { position: fixed; right: 1rem; bottom: 1rem; z-index: 2147483647; font: 16px/1.4 system-ui, sans-serif; }
      button { font: inherit; font-weight: 600; padding: 0.8rem 1.4rem; border: 0; border-radius: 2rem; cursor: pointer;
        background: #0b6e6e; color: #fff; box-shadow: 0 2px 12px #0004; }
      button[aria-pressed="true"] { background: #a3261f; }
      button:focus-visible { outline: 3px solid #4cc4bd; outline-offset: 2px; }
      p { max-width: 20rem; margin: 0 0 0.5rem; padding: 0.6rem 0.9rem; border-radius: 0.75rem; background: #fff; color: #16201f;
        box-shadow: 0 2px 12px #0004; }
      p:empty { display: none; }
    </style>
    <p role="status"></p>
    <button type="button" aria-pressed="false"></button>`;
  const [status, button] = [root.querySelector("p"), root.querySelector("button")];
  button.textContent = agent;
  const place = () => document.body.append(host);
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place); // the script stands in the head

  let conversation = null;
  const show = () => {
    const { open, state, problem, problemCode, items } = conversation;
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "End" : agent;
    button.disabled = state === "connecting";
    const last = items.at(-1);
    const busy = { connecting: "Connecting …", reconnecting: "The connection broke. Connecting again …" };
    const keyless = problemCode === "invalid_api_key" ? "The key of this page is missing or has expired." : "";
    status.textContent =
      keyless || problem || busy[state] || (open ? (last?.heard ?? last?.text ?? "Listening.") : "");
    host.dataset.state = state;
  };
  button.addEventListener("click", async () => {
    if (conversation === null) {
      button.disabled = true;
      const module = await import(new URL("page/conversation.js", base)).catch(() => null);
      button.disabled = false;
      if (module === null) {
        status.textContent = "The server cannot be reached. Try again later.";
        return;
      }
      const { Conversation } = module;
      conversation = new Conversation({ base, key });
      conversation.addEventListener("change", show);
      if (voice || instructions) conversation.update({ voice, instructions });
    }
    if (conversation.open || conversation.state === "reconnecting") conversation.close();
    else await conversation.connect();
  });
})();
