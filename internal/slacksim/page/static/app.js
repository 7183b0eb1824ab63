// The page put together: it follows the address, the store and the event stream.

import { API } from './api.js';
import { Channel } from './channel.js';
import { refreshTimes, useZone } from './dates.js';
import { DemoBar } from './demobar.js';
import { h } from './dom.js';
import { Modals } from './modal.js';
import { closePopover } from './popover.js';
import { go, readRoute } from './route.js';
import { Sidebar } from './sidebar.js';
import { Store } from './store.js';
import { Stream } from './stream.js';
import { Thread } from './thread.js';
import { toast } from './toast.js';

class Desk {
  constructor(root) {
    this.api = new API();
    this.store = new Store();
    this.stream = new Stream(this.api, {
      snapshot: (snapshot) => this.#load(snapshot),
      event: (event) => (event.type === 'notice' ? toast(event.text, event.tone) : this.store.apply(event)),
      state: (connected, problem) => this.#tellConnection(connected, problem),
    });
    this.demobar = new DemoBar(this);
    this.sidebar = new Sidebar(this);
    this.channel = new Channel(this);
    this.thread = new Thread(this);
    this.modals = new Modals(this);
    this.scrim = h('div', { class: 'scrim', on: { click: () => this.toggleDrawer(false) } });
    this.connection = h('div', { class: 'connection', role: 'status', hidden: true });
    this.root = root;
    root.replaceChildren(this.demobar.node, this.connection, h('div', { class: 'desk' }, this.sidebar.node, this.scrim, this.channel.node, this.thread.node));
    root.addEventListener('keydown', (event) => event.key === 'Escape' && this.toggleDrawer(false));
    this.store.addEventListener('change', () => this.#draw());
    for (const name of ['place', 'popstate', 'hashchange']) window.addEventListener(name, () => this.#follow());
    document.addEventListener('visibilitychange', () => this.channel.markRead());
    setInterval(() => refreshTimes(), 15000);
    this.#follow();
  }

  // closedReason says why this person cannot write in a channel; nothing when they can.
  closedReason(channel) {
    const me = this.store.person(this.store.me);
    if (me?.kind === 'deactivated') return 'This account has been deactivated.';
    if (channel.is_archived) return 'This channel is archived.';
    if (!this.store.isMember(channel)) return `You are looking at #${channel.name} without being a member.`;
    if (channel.read_only) return 'Only some people may post in this channel.';
    return '';
  }

  toggleDrawer(open = !this.root.classList.contains('drawer-open')) {
    this.root.classList.toggle('drawer-open', open);
    if (open) this.sidebar.node.querySelector('[aria-current=page], .place')?.focus({ preventScroll: true });
  }

  // #follow goes where the address says.
  #follow() {
    const route = readRoute();
    const key = JSON.stringify(route);
    if (key === this.routeKey) return;
    this.routeKey = key;
    this.highlighted = null;
    closePopover();
    this.toggleDrawer(false);
    if (!this.stream.started || (route.as && route.as !== this.api.as)) {
      this.api.as = route.as || null;
      this.openedHome = false;
      this.stream.start();
    } else {
      if (!route.as) go({ as: this.api.as }, { replace: true });
      this.#draw();
    }
  }

  #load(snapshot) {
    this.api.as = snapshot.me;
    this.store.load(snapshot);
    useZone(this.store.person(snapshot.me)?.tz);
  }

  #draw() {
    const { store } = this;
    if (!store.loaded || store.me !== this.api.as) return;
    const route = readRoute();
    const place = this.#placeFor(route);
    if (route.as !== store.me || route.channel !== place) {
      go({ as: store.me, channel: place }, { replace: true });
      if (readRoute().channel !== route.channel) return;
    }
    this.demobar.show();
    this.sidebar.show(place);
    this.channel.show(place);
    this.thread.show(store.channel(place), this.#threadFor(route, place));
    this.modals.show();
    if (place === 'home') this.#openHome();
    else this.openedHome = false;
    this.#highlight(route);
    this.root.classList.toggle('thread-open', !this.thread.node.hidden);
    this.#title(place);
  }

  // #placeFor is the channel asked for, if this person may see it; else where the app
  // last said something.
  #placeFor(route) {
    const { store } = this;
    if (route.channel === 'home') return 'home';
    const visible = store.visibleChannels();
    if (visible.some((channel) => channel.id === route.channel)) return route.channel;
    const mine = visible.filter((channel) => store.isMember(channel));
    const busy = mine.find((channel) => channel.kind !== 'dm' && (store.messages[channel.id] || []).some((message) => message.bot_id));
    return (busy || mine[0] || visible[0])?.id || 'home';
  }

  // A link to a reply opens its thread.
  #threadFor(route, place) {
    if (route.thread) return route.thread;
    const message = route.ts && this.store.message(place, route.ts);
    return message?.thread_ts && message.thread_ts !== message.ts ? message.thread_ts : '';
  }

  #highlight({ ts }) {
    if (!ts || this.highlighted === ts) return;
    if (this.channel.list.highlight(ts) || this.thread.list.highlight(ts)) this.highlighted = ts;
  }

  #openHome() {
    if (this.openedHome) return;
    this.openedHome = true;
    this.api.openHome();
  }

  #title(place) {
    const { store } = this;
    const waiting = store.channels.reduce((sum, channel) => sum + store.unread(channel).mentions, 0);
    const channel = store.channel(place);
    const name = !channel ? 'Home' : channel.kind === 'dm' ? store.channelTitle(channel) : `#${channel.name}`;
    document.title = `${waiting ? `(${waiting}) ` : ''}${name} · ${store.title || store.team.name || 'Slack simulator'}`;
  }

  #tellConnection(connected, problem) {
    this.connection.hidden = connected;
    this.connection.textContent = connected ? '' : problem || 'Connection lost. Trying again…';
    document.body.dataset.connected = String(connected);
  }
}

new Desk(document.getElementById('app'));
