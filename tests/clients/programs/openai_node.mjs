// OpenAI's client for JavaScript: it dials wss only, so the server has a certificate.
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const OpenAI = require('openai');
const { OpenAIRealtimeWS } = require('openai/realtime/ws');

const [address, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `https://${address}/v1`, apiKey: key });
const realtime = new OpenAIRealtimeWS({ model: 'parley' }, client);
const got = { words: '', audio: 0, errors: [] };

realtime.on('error', (error) => got.errors.push(String(error)));
realtime.on('session.created', () => {
  const content = [{ type: 'input_text', text: 'What is the capital of France?' }];
  const item = { type: 'message', role: 'user', content };
  realtime.send({ type: 'conversation.item.create', item });
  realtime.send({ type: 'response.create' });
});
realtime.on('response.output_audio.delta', ({ delta }) => {
  got.audio += Buffer.from(delta, 'base64').length;
});
realtime.on('response.output_audio_transcript.delta', ({ delta }) => { got.words += delta; });
realtime.on('response.done', async ({ response }) => {
  realtime.close();
  const models = await client.models.list();
  console.log(JSON.stringify({ ...got, status: response.status, models: models.data.length }));
});
