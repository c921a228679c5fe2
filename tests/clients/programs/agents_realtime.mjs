// OpenAI's Agents SDK for JavaScript, under node: a tool by voice, then a story that the voice
// cuts off. With a short-lived key, as a browser would have it.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(`${process.cwd()}/`);
const { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } = require('@openai/agents-realtime');
const { z } = require('zod');

const [address, key, question] = process.argv.slice(2);
const got = { audio: 0, interrupted: 0, countries: [], errors: [] };

const answer = await fetch(`http://${address}/v1/realtime/client_secrets`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ session: { type: 'realtime', model: 'parley' } }),
});
const secret = (await answer.json()).value;

const capitalOf = tool({
  name: 'capital_of',
  description: 'Look up the capital of a country.',
  parameters: z.object({ country: z.string() }),
  execute: async ({ country }) => (got.countries.push(country), 'Paris'),
});
const agent = new RealtimeAgent({ name: 'Guide', instructions: 'Be brief.', tools: [capitalOf] });
const transport = new OpenAIRealtimeWebSocket({ url: `ws://${address}/v1/realtime?model=parley` });
const session = new RealtimeSession(agent, { transport });

// A microphone that is never off: 20 ms of silence, or of the question.
let left = Buffer.alloc(0);
const ask = () => { left = readFileSync(question); };
let sent = 0;
const began = Date.now();
const microphone = setInterval(() => {
  for (; sent * 20 < Date.now() - began; sent++) {
    const piece = Buffer.alloc(960);
    left.copy(piece, 0, 0, 960);
    left = left.subarray(960);
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + 960));
  }
}, 20);

let answers = 0;
const finished = new Promise((resolve) => {
  session.on('audio', ({ data }) => { got.audio += data.byteLength; });
  session.on('audio_interrupted', () => { got.interrupted += 1; });
  session.on('error', (error) => got.errors.push(JSON.stringify(error)));
  session.on('transport_event', (event) => {
    if (event.type !== 'response.done') return;
    answers += 1; // the tool's call, what it found, the story, the call, what it found
    if (answers === 2) {
      got.seconds = got.audio / 48000;
      session.sendMessage('tell me a story');
    } else if (answers === 3) setTimeout(ask, 1500); // what is made is not yet played
    else if (answers === 5) setTimeout(resolve, 500); // what is asked for at the end
  });
});
await session.connect({ apiKey: secret });
ask();
await finished;
clearInterval(microphone);
session.close();
console.log(JSON.stringify({ ...got, history: session.history }));
