// One message, ephemeral notice or reply, as a row.

import { avatar, roleOf } from './avatar.js';
import { blocks } from './blocks.js';
import { secondsOf, timeNode } from './dates.js';
import { fragment, h } from './dom.js';
import { emoji, emojiNode } from './emoji.js';
import { icon } from './icons.js';
import { mrkdwn } from './mrkdwn.js';
import { openMenu } from './popover.js';
import { go } from './route.js';
import { Surface } from './surface.js';
import { report, toast } from './toast.js';

// messageRow draws a message. compact leaves out who wrote it; inThread leaves out the
// way into the thread.
export function messageRow(desk, channel, message, { compact = false, inThread = false } = {}) {
  const { store } = desk;
  const person = store.person(message.user);
  const row = h('article', {
    class: 'message', tabindex: '-1', 'aria-label': `Message from ${person?.name || 'unknown'}`,
    data: { ts: message.ts, ephemeral: message.ephemeral ? message.ts : null, keep: `message-${message.ts}` },
  },
  h('div', { class: 'message-side' }, compact ? timeNode(secondsOf(message.ts), '{time}', { class: 'side-time' }) : avatar(person)),
  h('div', { class: 'message-main' },
    message.ephemeral && h('div', { class: 'only-you' }, icon('eye'), 'Only visible to you'),
    !compact && byline(person, message),
    body(desk, channel, message),
    message.ephemeral && h('button', { type: 'button', class: 'linklike', data: { dismiss: message.ts }, on: { click: () => store.dismiss(channel.id, message.ts) } }, 'Dismiss'),
    reactions(message),
    !inThread && threadSummary(store.threadOf(channel.id, message), message)));
  if (!message.ephemeral) row.append(tools(desk, channel, message, inThread));
  row.classList.toggle('compact', compact);
  row.classList.toggle('ephemeral', Boolean(message.ephemeral));
  return row;
}

function byline(person, message) {
  const isApp = Boolean(message.bot_id) || person?.kind === 'bot';
  return h('div', { class: 'byline' },
    h('span', { class: 'author' }, person?.name || message.user || 'Unknown'),
    isApp && h('span', { class: 'badge' }, 'APP'),
    !isApp && (person?.kind === 'guest' || person?.kind === 'outsider') && h('span', { class: 'badge' }, roleOf(person)),
    timeNode(secondsOf(message.ts), '{time}', { class: 'time' }));
}

function body(desk, channel, message) {
  const edited = message.edited && h('span', { class: 'edited' }, ' (edited)');
  if (!message.blocks?.length) return h('div', { class: 'message-text prose' }, mrkdwn(desk.store, message.text), edited);
  const surface = new Surface({
    store: desk.store, api: desk.api, blocks: message.blocks,
    container: { type: message.ephemeral ? 'ephemeral' : 'message', channel: channel.id, ts: message.ts },
    values: desk.store.valuesFor(`${channel.id}/${message.ts}`),
  });
  return fragment(blocks(surface, message.blocks), edited);
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return h('div', { class: 'reactions' }, message.reactions.map((reaction) =>
    h('span', { class: 'reaction', title: `:${reaction.name}:` }, emoji(reaction.name) ? emojiNode(reaction.name) : `:${reaction.name}:`, h('span', { class: 'reaction-count' }, String(reaction.count ?? reaction.users?.length ?? 1)))));
}

function threadSummary({ count, latest }, message) {
  if (!count) return null;
  return h('button', { type: 'button', class: 'thread-summary', data: { thread: message.ts, keep: `thread-${message.ts}` }, on: { click: () => go({ thread: message.ts, ts: '' }) } },
    h('strong', {}, count === 1 ? '1 reply' : `${count} replies`),
    latest && h('span', { class: 'thread-last' }, 'Last reply ', timeNode(secondsOf(latest), '{ago}')));
}

// tools is the small bar that appears over a message: its thread, and a menu with the
// app's message shortcuts.
function tools(desk, channel, message, inThread) {
  const more = h('button', { type: 'button', class: 'icon-button', title: 'More actions', 'aria-label': 'More actions', 'aria-haspopup': 'menu', 'aria-expanded': 'false', data: { keep: `more-${message.ts}` }, on: { click: show } }, icon('more'));
  const reply = h('button', { type: 'button', class: 'icon-button', title: 'Reply in thread', 'aria-label': 'Reply in thread', data: { keep: `reply-${message.ts}` }, on: { click: () => go({ thread: message.thread_ts || message.ts, ts: '' }) } }, icon('thread'));
  return h('div', { class: 'tools' }, !inThread && reply, more);

  function show() {
    const shortcuts = desk.store.app.shortcuts.filter((shortcut) => shortcut.type.startsWith('message'));
    openMenu(more, 'More actions', [
      ...(shortcuts.length ? [{ heading: desk.store.app.name }] : []),
      ...shortcuts.map((shortcut) => ({ label: shortcut.name, data: { shortcut: shortcut.callback_id }, choose: async () => report(await desk.api.shortcut(shortcut.callback_id, channel.id, message.ts)) })),
      { heading: 'Message' },
      { label: 'Copy link', data: { shortcut: 'copy-link' }, choose: () => copyLink(channel, message) },
    ]);
  }
}

async function copyLink(channel, message) {
  const address = new URL(message.permalink || `archives/${channel.id}/p${message.ts.replace('.', '')}`, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    toast('Link copied.');
  } catch {
    toast(address);
  }
}
