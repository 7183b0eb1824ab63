// Mentions of people, groups and channels, drawn by their current names and marked when
// they mean the person who reads.

import { h } from './dom.js';

export function personMention(store, id, label) {
  const person = store.person(id);
  const name = person ? person.name : label || id;
  return h('span', { class: id === store.me ? 'mention me' : 'mention', title: person ? person.real_name || person.name : id }, `@${name.replace(/^@/, '')}`);
}

export function groupMention(store, id, label) {
  const group = store.group(id);
  const name = group ? group.handle : label || id;
  const mine = group && (group.users || []).includes(store.me);
  return h('span', { class: mine ? 'mention me' : 'mention', title: group ? group.name : id }, `@${name.replace(/^@/, '')}`);
}

export function channelMention(store, id, label) {
  const channel = store.channel(id);
  if (!channel) return h('span', { class: 'mention' }, label ? `#${label.replace(/^#/, '')}` : 'private channel');
  return h('a', { class: 'mention', href: `#channel=${encodeURIComponent(id)}` }, `#${channel.name}`);
}

export function broadcastMention(range) {
  return h('span', { class: 'mention me', title: 'Notifies everyone in this conversation' }, `@${range}`);
}

// mentionsMe tells whether a text would notify this person.
export function mentionsMe(store, text) {
  if (/<!(here|channel|everyone)(\|[^>]*)?>/.test(text)) return true;
  if (text.includes(`<@${store.me}>`) || text.includes(`<@${store.me}|`)) return true;
  return store.groups.some((group) => (group.users || []).includes(store.me) && text.includes(`<!subteam^${group.id}`));
}
