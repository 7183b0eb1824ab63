// Runs one of Slack's official clients against the simulator.
//
//   node clients.mjs web | socket | bolt-socket | bolt-http
//
// Where to find the simulator comes from the environment. Everything worth
// knowing goes to stdout, one JSON object a line. The end of stdin is the end.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { WebClient, LogLevel } = require('@slack/web-api');
const { SocketModeClient } = require('@slack/socket-mode');
const { App, HTTPReceiver } = require('@slack/bolt');

const { SLACK_API_URL, SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET, CHANNEL, USER } = process.env;
const options = { slackApiUrl: SLACK_API_URL, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true };

const say = (what, rest = {}) => process.stdout.write(`${JSON.stringify({ what, ...rest })}\n`);
const ended = new Promise((resolve) => process.stdin.on('end', resolve).resume());

const card = [
  { type: 'section', text: { type: 'mrkdwn', text: '*www.example.com*' } },
  { type: 'actions', block_id: 'act', elements: [{ type: 'button', action_id: 'approve', value: 'req-1', text: { type: 'plain_text', text: 'Approve' } }] },
];

const modal = {
  type: 'modal',
  callback_id: 'comment',
  notify_on_close: true,
  title: { type: 'plain_text', text: 'Comment' },
  submit: { type: 'plain_text', text: 'Send' },
  blocks: [{ type: 'input', block_id: 'why', label: { type: 'plain_text', text: 'Why' }, element: { type: 'plain_text_input', action_id: 'text' } }],
};

async function web() {
  const client = new WebClient(SLACK_BOT_TOKEN, options);
  const who = await client.auth.test();
  const posted = await client.chat.postMessage({
    channel: CHANNEL, text: 'request', blocks: card, metadata: { event_type: 'approval_requested', event_payload: { id: 'req-1' } },
  });
  await client.chat.update({ channel: posted.channel, ts: posted.ts, text: 'settled', blocks: [card[0]] });
  const history = await client.conversations.history({ channel: CHANNEL, include_all_metadata: true, limit: 1 });
  const { permalink } = await client.chat.getPermalink({ channel: CHANNEL, message_ts: posted.ts });
  const person = await client.users.info({ user: USER });
  const groups = await client.usergroups.list({ include_users: true });
  const channels = [];
  for await (const page of client.paginate('conversations.list', { limit: 2 })) channels.push(...page.channels.map((c) => c.name));
  const refused = await client.chat.postMessage({ channel: CHANNEL, text: 'x', blocks: [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }] })
    .catch((e) => ({ code: e.code, error: e.data?.error, messages: e.data?.response_metadata?.messages }));
  const late = await client.views.open({ trigger_id: '1.2.3', view: modal }).catch((e) => e.data?.error);
  say('web', {
    user: who.user_id, scopes: who.response_metadata?.scopes, ts: posted.ts, text: history.messages[0].text, metadata: history.messages[0].metadata,
    permalink, email: person.user.profile.email, groups: groups.usergroups.length, channels, refused, late,
  });
}

async function socket() {
  const client = new SocketModeClient({ appToken: SLACK_APP_TOKEN, clientOptions: options });
  client.on('interactive', async ({ body, ack }) => {
    await ack();
    say('interactive', { type: body.type, value: body.actions?.[0]?.value });
  });
  client.on('slash_commands', async ({ body, ack }) => {
    await ack({ text: `you said ${body.text}` });
    say('command', { command: body.command });
  });
  client.on('app_home_opened', async ({ event, ack }) => {
    await ack();
    say('event', { type: event.type, tab: event.tab });
  });
  client.on('connected', () => say('connected'));
  await client.start();
  await ended;
  await client.disconnect();
}

function listen(app) {
  app.error(async (error) => say('error', { message: String(error.message) }));
  app.action('approve', async ({ ack, body, client, respond }) => {
    await ack();
    await client.views.open({ trigger_id: body.trigger_id, view: modal });
    await respond({ text: 'a moment', response_type: 'ephemeral', replace_original: false });
    say('action', { user: body.user.id });
  });
  app.view('comment', async ({ ack, view }) => {
    const comment = view.state.values.why.text.value;
    if (comment === 'bad') await ack({ response_action: 'errors', errors: { why: 'say more' } });
    else await ack();
    say('submitted', { comment });
  });
  app.command('/approvebot', async ({ ack, command }) => {
    await ack({ text: `you said ${command.text}` });
    say('command');
  });
  app.event('app_home_opened', async ({ event, client }) => {
    await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: card } });
    say('home');
  });
}

async function boltSocket() {
  const app = new App({ token: SLACK_BOT_TOKEN, appToken: SLACK_APP_TOKEN, socketMode: true, clientOptions: options, logLevel: LogLevel.ERROR });
  listen(app);
  await app.start();
  say('connected');
  await ended;
  await app.stop();
}

async function boltHTTP() {
  const receiver = new HTTPReceiver({ signingSecret: SLACK_SIGNING_SECRET, endpoints: ['/slack/interactivity', '/slack/commands', '/slack/events'], logLevel: LogLevel.ERROR });
  const app = new App({ token: SLACK_BOT_TOKEN, receiver, clientOptions: options, logLevel: LogLevel.ERROR });
  listen(app);
  const server = await app.start({ port: 0, host: '127.0.0.1' });
  say('connected', { port: server.address().port });
  await ended;
  await app.stop();
}

const mode = { web, socket, 'bolt-socket': boltSocket, 'bolt-http': boltHTTP }[process.argv[2]];
await mode();
process.exit(0);
