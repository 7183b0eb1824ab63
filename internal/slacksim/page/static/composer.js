// The box one writes in: messages, slash commands, mentions.

import { avatar } from './avatar.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { escape } from './mrkdwn.js';
import { openMenu } from './popover.js';
import { report } from './toast.js';

let composersMade = 0;

export class Composer {
  #suggestions = [];
  #chosen = 0;
  #mentioned = new Map();

  constructor(desk, { thread = false } = {}) {
    Object.assign(this, { desk, thread });
    const id = `suggestions-${++composersMade}`;
    this.input = h('textarea', {
      class: 'composer-input', rows: '1', autocomplete: 'off', role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': id,
      data: { composer: thread ? 'thread' : 'channel' }, on: {
        input: () => this.#typed(),
        keydown: (event) => this.#key(event),
        // Enter sends or picks, whatever the list of suggestions did meanwhile; only Shift+Enter breaks the line.
        keypress: (event) => event.key === 'Enter' && !event.shiftKey && event.preventDefault(),
        blur: () => this.#hide(),
      },
    });
    this.list = h('div', { class: 'suggestions', id, role: 'listbox', 'aria-label': 'Suggestions', hidden: true });
    this.shortcuts = h('button', { type: 'button', class: 'icon-button', title: 'Shortcuts', 'aria-label': 'Shortcuts', 'aria-haspopup': 'menu', 'aria-expanded': 'false', on: { click: () => this.#showShortcuts() } }, icon('bolt'));
    this.send = h('button', { type: 'button', class: 'send', title: 'Send', 'aria-label': 'Send', disabled: true, on: { click: () => this.#submit() } }, icon('send'));
    this.box = h('div', { class: 'composer-box' }, !thread && this.shortcuts, this.input, this.send);
    this.closed = h('div', { class: 'composer-closed', hidden: true });
    this.node = h('div', { class: 'composer' }, this.list, this.box, this.closed);
  }

  // show sets where the composer writes to, or why nobody can write there.
  show(channel, threadTs, placeholder, closed) {
    const place = `${channel?.id}/${threadTs || ''}/${this.desk.store.me}`;
    if (place !== this.place) {
      this.place = place;
      this.input.value = '';
      this.#typed();
    }
    Object.assign(this, { channel, threadTs });
    this.input.placeholder = placeholder;
    this.input.setAttribute('aria-label', placeholder);
    this.box.hidden = Boolean(closed);
    this.closed.hidden = !closed;
    this.closed.textContent = closed || '';
    this.shortcuts.hidden = !this.#globalShortcuts().length;
  }

  #globalShortcuts() {
    return this.desk.store.app.shortcuts.filter((shortcut) => !shortcut.type.startsWith('message'));
  }

  #showShortcuts() {
    openMenu(this.shortcuts, 'Shortcuts', [{ heading: this.desk.store.app.name }, ...this.#globalShortcuts().map((shortcut) => ({
      label: shortcut.name, data: { shortcut: shortcut.callback_id }, choose: async () => report(await this.desk.api.shortcut(shortcut.callback_id, this.channel.id)),
    }))]);
  }

  #typed() {
    this.send.disabled = !this.input.value.trim();
    this.input.style.setProperty('height', 'auto');
    this.input.style.setProperty('height', `${Math.min(this.input.scrollHeight, 180)}px`);
    this.#suggest();
  }

  #suggest() {
    const before = this.input.value.slice(0, this.input.selectionStart);
    const command = /^\/\S*$/.exec(before);
    const mention = /(?:^|\s)@([\p{L}\p{N}._-]*)$/u.exec(before);
    if (command && !this.thread) this.#offer(this.#commands(command[0]));
    else if (mention) this.#offer(this.#people(mention[1].toLowerCase()));
    else this.#hide();
  }

  #commands(typed) {
    return this.desk.store.app.commands.filter((command) => command.command.startsWith(typed)).map((command) => ({
      insert: () => this.#replace(/^\/\S*$/, `${command.command} `),
      node: [h('span', { class: 'suggestion-name' }, command.command), command.usage_hint && h('span', { class: 'suggestion-usage' }, command.usage_hint), h('span', { class: 'menu-hint' }, command.description)],
      data: { command: command.command },
    }));
  }

  #people(typed) {
    const { store } = this.desk;
    const people = store.people.filter((person) => person.kind !== 'deactivated' && `${person.name} ${person.real_name}`.toLowerCase().includes(typed));
    const groups = store.groups.filter((group) => group.handle.toLowerCase().includes(typed));
    const mention = (name, token) => () => {
      this.#mentioned.set(`@${name}`, token);
      this.#replace(/@[\p{L}\p{N}._-]*$/u, `@${name} `);
    };
    return [
      ...people.map((person) => ({ insert: mention(person.name, `<@${person.id}>`), node: [avatar(person, 'small'), h('span', { class: 'suggestion-name' }, person.name), h('span', { class: 'menu-hint' }, person.title)] })),
      ...groups.map((group) => ({ insert: mention(group.handle, `<!subteam^${group.id}>`), node: [icon('users'), h('span', { class: 'suggestion-name' }, `@${group.handle}`), h('span', { class: 'menu-hint' }, group.name)] })),
    ].slice(0, 6);
  }

  #replace(pattern, words) {
    const at = this.input.selectionStart;
    const before = this.input.value.slice(0, at).replace(pattern, () => words);
    this.input.value = before + this.input.value.slice(at);
    this.input.setSelectionRange(before.length, before.length);
    this.#typed();
    this.#hide();
  }

  #offer(suggestions) {
    this.#suggestions = suggestions;
    if (!suggestions.length) return this.#hide();
    this.#chosen = 0;
    this.list.replaceChildren(...suggestions.map((suggestion, i) => h('div', {
      class: 'suggestion', role: 'option', id: `${this.list.id}-${i}`, data: suggestion.data,
      // The press must not take the focus out of the text box.
      on: { mousedown: (event) => event.preventDefault(), click: suggestion.insert },
    }, suggestion.node)));
    this.list.hidden = false;
    this.input.setAttribute('aria-expanded', 'true');
    this.#mark();
  }

  #mark() {
    [...this.list.children].forEach((node, i) => node.setAttribute('aria-selected', String(i === this.#chosen)));
    this.input.setAttribute('aria-activedescendant', `${this.list.id}-${this.#chosen}`);
    this.list.children[this.#chosen]?.scrollIntoView({ block: 'nearest' });
  }

  #hide() {
    this.#suggestions = [];
    this.list.hidden = true;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
  }

  #key(event) {
    if (event.isComposing) return;
    const count = this.#suggestions.length;
    if (count && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      this.#chosen = (this.#chosen + (event.key === 'ArrowDown' ? 1 : count - 1)) % count;
      this.#mark();
    } else if (count && event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this.#hide();
    } else if (count && (event.key === 'Tab' || (event.key === 'Enter' && !event.shiftKey)) && !this.#isWholeCommand()) {
      event.preventDefault();
      this.#suggestions[this.#chosen].insert();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    }
  }

  #isWholeCommand() {
    return this.desk.store.app.commands.some((command) => command.command === this.input.value.trim());
  }

  async #submit() {
    const words = this.input.value.trim();
    if (!words || this.sending) return;
    this.sending = true;
    this.#hide();
    const call = words.startsWith('/') && !this.thread
      ? this.desk.api.command(this.channel.id, words)
      : this.desk.api.message(this.channel.id, this.threadTs, this.#encode(words));
    this.input.value = '';
    this.#typed();
    const answer = await call;
    this.sending = false;
    if (report(answer)) return;
    if (!this.input.value) this.input.value = words;
    this.#typed();
  }

  // #encode turns what was typed into Slack's form: three escapes, and the mentions that
  // were picked from the list.
  #encode(words) {
    let encoded = escape(words);
    for (const [name, token] of this.#mentioned) encoded = encoded.split(escape(name)).join(token);
    this.#mentioned.clear();
    return encoded;
  }
}
