// The workspace's name, its channels and direct messages, and the app.

import { avatar } from './avatar.js';
import { h, refill } from './dom.js';
import { icon } from './icons.js';
import { rove } from './popover.js';
import { go } from './route.js';

export class Sidebar {
  constructor(desk) {
    this.desk = desk;
    this.body = h('div', { class: 'sidebar-body' });
    this.node = h('nav', { class: 'sidebar', id: 'sidebar', 'aria-label': 'Channels and direct messages' }, this.body);
    rove(this.node, '.place');
  }

  show(place) {
    const { store } = this.desk;
    const channels = store.visibleChannels();
    const items = {
      channels: channels.filter((channel) => channel.kind !== 'dm'),
      direct: channels.filter((channel) => channel.kind === 'dm' && !store.isAppChannel(channel)),
    };
    const app = store.appChannel();
    const look = JSON.stringify([store.team.name, store.me, place, app?.id, [...items.channels, ...items.direct, app].map((channel) => channel && [channel, store.unread(channel)])]);
    if (look === this.look) return;
    this.look = look;
    refill(this.body,
      h('div', { class: 'workspace' }, h('span', { class: 'workspace-mark', 'aria-hidden': 'true' }, [...(store.team.name || 'W')][0]), h('span', { class: 'workspace-name' }, store.team.name || 'Workspace')),
      section('Channels', items.channels.map((channel) => this.#place(channel.id, place, icon(channelIcon(channel)), channel.name, channel))),
      section('Direct messages', items.direct.map((channel) => this.#place(channel.id, place, avatar(store.partner(channel), 'small'), store.channelTitle(channel), channel))),
      section('Apps', [
        this.#place('home', place, icon('home'), `${store.app.name || 'App'} Home`),
        app && this.#place(app.id, place, avatar(store.person(store.app.bot_user_id), 'small'), store.app.name, app),
      ]));
  }

  #place(id, current, picture, name, channel) {
    const unread = channel ? this.desk.store.unread(channel) : { count: 0, mentions: 0 };
    const told = unread.mentions ? `, ${unread.mentions} unread for you` : unread.count ? ', unread' : '';
    const node = h('button', {
      type: 'button', class: 'place', 'aria-current': id === current ? 'page' : null, 'aria-label': `${name}${channel?.kind === 'private' ? ', private' : ''}${told}`,
      data: { channel: id }, on: { click: () => go({ channel: id }) },
    }, h('span', { class: 'place-icon' }, picture), h('span', { class: 'place-name' }, name), channel?.is_shared && icon('shared'), unread.mentions > 0 && h('span', { class: 'count' }, unread.mentions > 99 ? '99+' : String(unread.mentions)));
    node.classList.toggle('unread', unread.count > 0);
    node.classList.toggle('outside', Boolean(channel) && !this.desk.store.isMember(channel));
    return node;
  }
}

export function channelIcon(channel) {
  if (channel.is_archived) return 'archive';
  return channel.kind === 'private' ? 'lock' : 'hash';
}

function section(title, places) {
  const present = places.filter(Boolean);
  if (!present.length) return null;
  return h('div', { class: 'sidebar-section' }, h('h2', {}, title), present);
}
