// What this page knows: the workspace as the person it acts as sees it. It is filled by a
// snapshot and kept right by events; every change is announced as a "change" event.

import { mentionsMe } from './mentions.js';
import { Values } from './values.js';

export class Store extends EventTarget {
  me = '';
  title = '';
  intro = '';
  team = {};
  app = { commands: [], shortcuts: [] };
  people = [];
  groups = [];
  channels = [];
  actions = [];
  messages = {};
  ephemerals = {};
  views = [];
  home = null;
  loaded = false;

  #people = new Map();
  #values = new Map();
  #read = new Map();
  #dismissed = new Set();
  #announced = false;

  load(snapshot) {
    const before = { messages: this.messages, ephemerals: this.ephemerals };
    const lists = { people: [], groups: [], channels: [], actions: [], messages: {}, ephemerals: {}, views: [], home: null };
    for (const [name, empty] of Object.entries(lists)) this[name] = snapshot[name] ?? empty;
    for (const name of ['title', 'intro', 'team', 'app']) if (snapshot[name]) this[name] = snapshot[name];
    if (this.me !== snapshot.me) this.#become(snapshot.me);
    else for (const name of ['messages', 'ephemerals']) keepSame(before[name], this[name]);
    this.#people = new Map(this.people.map((person) => [person.id, person]));
    this.loaded = true;
    this.#announce();
  }

  // #become forgets what belonged to the person before, and recalls what this one has read.
  #become(id) {
    this.me = id;
    this.#values.clear();
    this.#dismissed.clear();
    this.#read = new Map(JSON.parse(sessionStorage.getItem(`read ${id}`) || '[]'));
  }

  // apply takes one event of the stream.
  apply(event) {
    switch (event.type) {
      case 'message':
        upsert((this.messages[event.channel] ||= []), event.message);
        break;
      case 'message_deleted':
        this.messages[event.channel] = (this.messages[event.channel] || []).filter((message) => message.ts !== event.ts);
        break;
      case 'ephemeral':
        upsert((this.ephemerals[event.channel] ||= []), event.message);
        break;
      case 'ephemeral_deleted':
        this.ephemerals[event.channel] = (this.ephemerals[event.channel] || []).filter((message) => message.ts !== event.ts);
        break;
      case 'views':
        this.views = event.views || [];
        break;
      case 'home':
        this.home = event.view;
        break;
      case 'channel':
        this.channels = this.channels.some((channel) => channel.id === event.channel.id)
          ? this.channels.map((channel) => (channel.id === event.channel.id ? event.channel : channel))
          : [...this.channels, event.channel];
        break;
      default:
        return;
    }
    this.#announce();
  }

  setViews(views) {
    this.views = views;
    this.#announce();
  }

  dismiss(channel, ts) {
    this.#dismissed.add(`${channel}/${ts}`);
    this.#announce();
  }

  // Several changes of one moment are announced once.
  #announce() {
    if (this.#announced) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      this.dispatchEvent(new Event('change'));
    });
  }

  person(id) {
    return this.#people.get(id);
  }

  group(id) {
    return this.groups.find((group) => group.id === id);
  }

  channel(id) {
    return this.channels.find((channel) => channel.id === id);
  }

  // visibleChannels are the conversations this person sees: their own, and for members
  // every public channel.
  visibleChannels() {
    const kind = this.person(this.me)?.kind;
    const browses = kind === 'member' || kind === 'admin';
    return this.channels.filter((channel) => this.isMember(channel) || (channel.kind === 'channel' && browses && !channel.is_archived));
  }

  isMember(channel) {
    return (channel.member_ids || []).includes(this.me);
  }

  // partner is who a direct message is with, seen from this person.
  partner(channel) {
    const id = channel.user && channel.user !== this.me ? channel.user : (channel.member_ids || []).find((member) => member !== this.me) || channel.user;
    return this.person(id);
  }

  channelTitle(channel) {
    return channel.kind === 'dm' ? this.partner(channel)?.name || channel.name || 'Direct message' : channel.name;
  }

  // appChannel is the direct message with the app, if there is one.
  appChannel() {
    return this.channels.find((channel) => this.isAppChannel(channel));
  }

  isAppChannel(channel) {
    return channel.kind === 'dm' && this.partner(channel)?.id === this.app.bot_user_id;
  }

  // timeline lists a channel's messages and notices outside of threads, oldest first.
  timeline(channelId) {
    return this.#merged(channelId, (message) => !message.thread_ts || message.thread_ts === message.ts || message.broadcast);
  }

  // replies lists those of one thread.
  replies(channelId, rootTs) {
    return this.#merged(channelId, (message) => message.thread_ts === rootTs && message.ts !== rootTs);
  }

  // threadOf sums up a message's thread: what the message says of it, or what is here
  // already when that is more.
  threadOf(channelId, message) {
    const replies = (this.messages[channelId] || []).filter((each) => each.thread_ts === message.ts && each.ts !== message.ts);
    if (replies.length <= (message.reply_count || 0)) return { count: message.reply_count || 0, latest: message.latest_reply };
    return { count: replies.length, latest: replies.map((reply) => reply.ts).sort(compareTs).at(-1) };
  }

  message(channelId, ts) {
    return (this.messages[channelId] || []).find((message) => message.ts === ts);
  }

  #merged(channelId, wanted) {
    const notices = (this.ephemerals[channelId] || [])
      .filter((message) => !this.#dismissed.has(`${channelId}/${message.ts}`))
      .map((message) => (message.ephemeral ? message : Object.assign(message, { ephemeral: true })));
    return [...(this.messages[channelId] || []), ...notices].filter(wanted).sort((a, b) => compareTs(a.ts, b.ts));
  }

  // valuesFor is what has been entered on one message or view.
  valuesFor(key) {
    if (!this.#values.has(key)) this.#values.set(key, new Values());
    return this.#values.get(key);
  }

  lastRead(channelId) {
    return this.#read.get(channelId);
  }

  markRead(channelId) {
    const latest = this.timeline(channelId).at(-1)?.ts;
    if (!latest || latest === this.#read.get(channelId)) return;
    this.#read.set(channelId, latest);
    sessionStorage.setItem(`read ${this.me}`, JSON.stringify([...this.#read]));
    this.#announce();
  }

  // unread counts what others wrote in a channel since this person looked, and how much of
  // it is meant for them.
  unread(channel) {
    if (!this.isMember(channel)) return { count: 0, mentions: 0 };
    const since = this.#read.get(channel.id) || '';
    const fresh = this.timeline(channel.id).filter((message) => compareTs(message.ts, since) > 0 && message.user !== this.me && !message.ephemeral);
    const direct = channel.kind === 'dm';
    return { count: fresh.length, mentions: fresh.filter((message) => direct || mentionsMe(this, wordsOf(message))).length };
  }
}

// keepSame puts the objects known before in the place of equal new ones, so that what did
// not change is not drawn anew.
function keepSame(before, now) {
  for (const [channel, list] of Object.entries(now)) {
    const known = new Map((before[channel] || []).map((message) => [message.ts, message]));
    now[channel] = list.map((message) => {
      const old = known.get(message.ts);
      return old && JSON.stringify(old) === JSON.stringify(message) ? old : message;
    });
  }
}

// wordsOf is all text of a message in which a mention may stand.
function wordsOf(message) {
  return `${message.text || ''} ${message.blocks?.length ? JSON.stringify(message.blocks) : ''}`;
}

function upsert(list, message) {
  const at = list.findIndex((each) => each.ts === message.ts);
  if (at >= 0) list[at] = message;
  else list.push(message);
}

// compareTs orders two ts as times. They are texts of seconds and six digits.
export function compareTs(a, b) {
  const [a1, a2 = ''] = String(a).split('.');
  const [b1, b2 = ''] = String(b).split('.');
  return Number(a1) - Number(b1) || (a2 < b2 ? -1 : a2 > b2 ? 1 : 0);
}
