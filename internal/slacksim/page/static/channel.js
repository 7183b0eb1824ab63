// The middle of the page: a channel's head, its messages, and the composer.

import { avatar, roleOf } from './avatar.js';
import { Composer } from './composer.js';
import { fragment, h, refill } from './dom.js';
import { Home } from './home.js';
import { icon } from './icons.js';
import { MessageList } from './messagelist.js';
import { mrkdwn } from './mrkdwn.js';
import { openPopover } from './popover.js';
import { go } from './route.js';
import { channelIcon } from './sidebar.js';

export class Channel {
  constructor(desk) {
    this.desk = desk;
    this.head = h('div', { class: 'channel-head' });
    this.list = new MessageList(desk, { onRead: () => this.markRead() });
    this.composer = new Composer(desk);
    this.home = new Home(desk);
    this.talk = h('div', { class: 'channel-talk' }, this.list.node, this.composer.node);
    this.node = h('main', { class: 'channel', id: 'main' }, this.head, this.talk, this.home.node);
  }

  // show draws a channel; "home" means the app's Home tab.
  show(place) {
    const { store } = this.desk;
    const isHome = place === 'home';
    this.talk.hidden = isHome;
    this.home.node.hidden = !isHome;
    if (isHome) {
      this.channel = null;
      this.#drawHead({ app: true, place });
      this.home.show();
      return;
    }
    const channel = store.channel(place);
    this.channel = channel;
    if (!channel) return;
    const title = store.channelTitle(channel);
    this.#drawHead({ channel, app: store.isAppChannel(channel), place });
    this.#drawIntro(channel, title);
    this.list.show(`${store.me}/${channel.id}`, channel, store.timeline(channel.id), { lastRead: store.lastRead(channel.id) });
    this.composer.show(channel, undefined, channel.kind === 'dm' ? `Message ${title}` : `Message #${title}`, this.desk.closedReason(channel));
  }

  markRead() {
    if (this.channel && document.visibilityState === 'visible') this.desk.store.markRead(this.channel.id);
  }

  #drawHead({ channel, app, place }) {
    const { store } = this.desk;
    const look = JSON.stringify([place, store.me, channel, app, store.app, store.people]);
    if (look === this.headLook) return;
    this.headLook = look;
    if (app) {
      const talk = store.appChannel();
      refill(this.head, h('div', { class: 'channel-title' }, avatar(store.person(store.app.bot_user_id), 'small'), h('h1', {}, store.app.name || 'App')),
        h('div', { class: 'tabs' }, tab('home', 'Home', place === 'home'), talk && tab(talk.id, 'Messages', place === talk.id)));
      return;
    }
    const partner = channel.kind === 'dm' && store.partner(channel);
    refill(this.head,
      h('div', { class: 'channel-title' }, partner ? avatar(partner, 'small') : icon(channelIcon(channel)), h('h1', {}, store.channelTitle(channel)),
        channel.is_shared && h('span', { class: 'badge' }, 'Shared'), channel.is_archived && h('span', { class: 'badge' }, 'Archived'), partner && roleOf(partner) && h('span', { class: 'badge' }, roleOf(partner))),
      (channel.topic || partner?.title) && h('div', { class: 'topic', title: channel.topic || partner.title }, channel.topic ? mrkdwn(store, channel.topic) : partner.title),
      !partner && this.#membersButton(channel));
  }

  #membersButton(channel) {
    const { store } = this.desk;
    const members = (channel.member_ids || []).map((id) => store.person(id)).filter(Boolean);
    if (!members.length) return null;
    const control = h('button', { type: 'button', class: 'members', 'aria-label': `${members.length} members`, 'aria-haspopup': 'dialog', 'aria-expanded': 'false', data: { keep: 'members' }, on: { click: show } },
      h('span', { class: 'faces' }, members.slice(0, 3).map((person) => avatar(person, 'small'))), String(members.length));
    return control;

    function show() {
      openPopover(control, h('div', { class: 'member-list', tabindex: '-1' }, h('div', { class: 'menu-heading' }, 'Members'), members.map((person) => h('div', { class: 'person-row' }, avatar(person),
        h('span', { class: 'person-words' }, h('span', { class: 'menu-label' }, person.name, roleOf(person) && h('span', { class: 'badge' }, roleOf(person))), h('span', { class: 'menu-hint' }, person.title))))));
    }
  }

  #drawIntro(channel, title) {
    const { store } = this.desk;
    const look = JSON.stringify([channel.id, title, channel.topic, store.me]);
    if (look === this.introLook) return;
    this.introLook = look;
    const partner = store.partner(channel);
    this.list.head.replaceChildren(h('div', { class: 'intro' },
      channel.kind === 'dm'
        ? fragment(avatar(partner, 'large'), h('h3', {}, title), h('p', {}, `This is where you and ${title} talk. Nobody else sees it.`))
        : fragment(h('h3', {}, icon(channelIcon(channel)), title), h('p', {}, `This is the beginning of the ${channel.kind === 'private' ? 'private ' : ''}channel ${title}.`))));
  }
}

function tab(place, label, current) {
  return h('button', { type: 'button', class: 'tab', 'aria-current': current ? 'page' : null, data: { keep: `tab-${place}`, tab: place }, on: { click: () => go({ channel: place }) } }, label);
}
