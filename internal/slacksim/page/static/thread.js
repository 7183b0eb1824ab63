// The pane beside the channel in which one thread is read and answered.

import { Composer } from './composer.js';
import { h, refill } from './dom.js';
import { icon } from './icons.js';
import { MessageList } from './messagelist.js';
import { messageRow } from './message.js';
import { go } from './route.js';

export class Thread {
  constructor(desk) {
    this.desk = desk;
    this.list = new MessageList(desk, { inThread: true });
    this.composer = new Composer(desk, { thread: true });
    this.where = h('span', { class: 'thread-where' });
    this.node = h('aside', { class: 'thread', 'aria-label': 'Thread', hidden: true, on: { keydown: (event) => event.key === 'Escape' && this.close() } },
      h('div', { class: 'pane-head' }, h('h2', {}, 'Thread'), this.where,
        h('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close thread', data: { keep: 'close-thread' }, on: { click: () => this.close() } }, icon('close'))),
      this.list.node, this.composer.node);
  }

  close() {
    go({ thread: '', ts: '' });
  }

  show(channel, ts) {
    const { store } = this.desk;
    const root = channel && ts && store.message(channel.id, ts);
    const opened = this.node.hidden && root;
    this.node.hidden = !root;
    if (!root) {
      this.root = null;
      return;
    }
    const replies = store.replies(channel.id, ts);
    if (this.root !== root || this.count !== replies.length) {
      this.root = root;
      this.count = replies.length;
      const words = replies.length === 0 ? 'No replies yet' : replies.length === 1 ? '1 reply' : `${replies.length} replies`;
      refill(this.list.head, messageRow(this.desk, channel, root, { inThread: true }), h('div', { class: 'thread-count' }, h('span', {}, words)));
    }
    this.where.textContent = channel.kind === 'dm' ? store.channelTitle(channel) : `#${channel.name}`;
    this.list.show(`${store.me}/${channel.id}/${ts}`, channel, replies);
    this.composer.show(channel, ts, 'Reply…', this.desk.closedReason(channel));
    if (opened) this.node.querySelector('[data-keep=close-thread]').focus({ preventScroll: true });
  }
}
