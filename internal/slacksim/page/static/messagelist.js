// A list of messages that follows what happens: rows are kept while their message stays
// the same, and the newest stays in sight unless the person reads further up.

import { dayLabel, dayOf, secondsOf } from './dates.js';
import { h, identity } from './dom.js';
import { icon } from './icons.js';
import { messageRow } from './message.js';
import { compareTs } from './store.js';

const together = 5 * 60;

export class MessageList {
  #rows = new Map();
  #atEnd = true;
  #missed = 0;

  constructor(desk, { inThread = false, onRead } = {}) {
    Object.assign(this, { desk, inThread, onRead });
    this.head = h('div', { class: 'list-head' });
    this.content = h('div', { class: 'list-content', role: 'log', 'aria-label': inThread ? 'Thread' : 'Messages', 'aria-live': 'polite', 'aria-relevant': 'additions' });
    this.inner = h('div', { class: 'list-inner' }, this.head, this.content);
    this.scroller = h('div', { class: 'list', tabindex: '0', 'aria-label': inThread ? 'Thread, scrollable' : 'Messages, scrollable', role: 'region', on: { scroll: () => this.#scrolled() } }, this.inner);
    this.pill = h('button', { type: 'button', class: 'new-pill', hidden: true, on: { click: () => this.toEnd() } });
    this.node = h('div', { class: 'list-frame' }, this.scroller, this.pill);
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.inner);
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.scroller);
  }

  // show draws messages of a channel; key says which list this is, so that another one
  // starts at its end. lastRead is where the line "New" goes, if anywhere.
  show(key, channel, messages, { lastRead } = {}) {
    const fresh = key !== this.key;
    if (fresh) {
      this.key = key;
      this.#rows.clear();
      this.content.replaceChildren();
      this.#atEnd = true;
      this.newAfter = lastRead;
      this.marked = null;
    }
    const held = this.content.contains(document.activeElement) ? document.activeElement : null;
    const heldRow = held?.closest('[data-ts]')?.dataset.ts;
    const heldControl = identity(held);
    const last = this.lastTs;
    this.#arrange(channel, messages);
    if (heldRow && !held.isConnected) this.#refocus(heldRow, heldControl);

    const arrived = fresh || last === undefined ? 0 : messages.filter((message) => compareTs(message.ts, last) > 0).length;
    this.lastTs = messages.at(-1)?.ts ?? '0';
    const mine = messages.at(-1)?.user === this.desk.store.me && arrived > 0;
    if (this.#atEnd || mine) this.toEnd();
    else if (arrived) this.#tellMissed(this.#missed + arrived);
  }

  #arrange(channel, messages) {
    const wanted = [];
    let before;
    for (const message of messages) {
      const date = new Date(secondsOf(message.ts) * 1000);
      const newDay = !this.inThread && (!before || dayOf(date) !== dayOf(new Date(secondsOf(before.ts) * 1000)));
      if (newDay) wanted.push(this.#keep(`day ${dayOf(date)} ${dayLabel(date)}`, null, () => h('div', { class: 'day-line', role: 'separator' }, h('span', {}, dayLabel(date)))));
      const isNew = this.newAfter && before && compareTs(before.ts, this.newAfter) <= 0 && compareTs(message.ts, this.newAfter) > 0 && message.user !== this.desk.store.me;
      if (isNew) wanted.push(this.#keep('new', null, () => h('div', { class: 'new-line', role: 'separator' }, h('span', {}, 'New'))));
      const compact = Boolean(before) && !newDay && !isNew && follows(before, message);
      wanted.push(this.#keep(message.ts, message, () => messageRow(this.desk, channel, message, { compact, inThread: this.inThread }),
        JSON.stringify([compact, !this.inThread && this.desk.store.threadOf(channel.id, message)])));
      before = message;
    }
    const keys = new Set(wanted.map((row) => row.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    wanted.forEach((row, i) => {
      if (this.content.children[i] !== row.node) this.content.insertBefore(row.node, this.content.children[i] || null);
    });
  }

  // #keep returns the row for a key, drawn anew only when its message changed.
  #keep(key, message, draw, variant = '') {
    const row = this.#rows.get(key);
    if (row && row.message === message && row.variant === variant) return row;
    const next = { key, message, variant, node: draw() };
    next.node.classList.toggle('highlight', key === this.marked);
    row?.node.replaceWith(next.node);
    this.#rows.set(key, next);
    return next;
  }

  #refocus(ts, control) {
    const row = this.content.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    ((control && row?.querySelector(control)) || row)?.focus({ preventScroll: true });
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < 60;
    if (this.#atEnd) {
      this.#tellMissed(0);
      this.onRead?.();
    }
  }

  #tellMissed(count) {
    this.#missed = count;
    this.pill.hidden = count === 0;
    this.pill.replaceChildren(count === 1 ? '1 new message' : `${count} new messages`, icon('down'));
  }

  toEnd() {
    this.#atEnd = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#tellMissed(0);
    this.onRead?.();
  }

  // highlight scrolls to a message and marks it for a moment.
  highlight(ts) {
    const node = this.content.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (!node) return false;
    this.#atEnd = false;
    this.marked = ts;
    node.scrollIntoView({ block: 'center' });
    node.classList.add('highlight');
    node.focus({ preventScroll: true });
    return true;
  }
}

function follows(before, message) {
  return before.user === message.user && !before.ephemeral === !message.ephemeral && !message.ephemeral && !before.reply_count
    && secondsOf(message.ts) - secondsOf(before.ts) < together;
}
