// Modals: a stack of views of which the topmost is in sight.

import { avatar } from './avatar.js';
import { blocks } from './blocks.js';
import { focusable, h, identity } from './dom.js';
import { icon } from './icons.js';
import { showOverlay } from './overlay.js';
import { Surface } from './surface.js';
import { plain } from './text.js';
import { checkInputs } from './validation.js';

export class Modals {
  constructor(desk) {
    this.desk = desk;
  }

  // show draws the top of the stack anew when it is another view, or another version.
  show() {
    const { store } = this.desk;
    const view = store.views.at(-1);
    const look = view && JSON.stringify([store.views.length, view]);
    if (look === this.look) {
      this.view = view;
      return;
    }
    this.look = look;
    const same = view && this.view?.id === view.id;
    this.view = view;
    if (!view) {
      this.hide?.();
      this.hide = this.dialog = null;
      return;
    }
    this.values = store.valuesFor(`view ${view.id}`);
    this.values.keepOnly(view.blocks);
    if (!this.dialog) {
      this.dialog = h('form', { class: 'dialog modal', role: 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'modal-title', novalidate: true, tabindex: '-1', on: { submit: (event) => this.#submit(event) } });
      this.hide = showOverlay(this.dialog, { onEscape: () => this.#close(false) });
    }
    this.#draw(view, same);
  }

  #draw(view, same) {
    const held = same && this.dialog.contains(document.activeElement) ? document.activeElement : null;
    const back = held && identity(held);
    const selection = held && 'selectionStart' in held ? [held.selectionStart, held.selectionEnd] : null;
    const { store, api } = this.desk;
    const surface = new Surface({ store, api, blocks: view.blocks, values: this.values, container: { type: 'view', view_id: view.id } });
    const deep = store.views.length > 1;
    this.dialog.dataset.viewId = view.id;
    this.dialog.dataset.depth = String(store.views.length);
    this.dialog.removeAttribute('aria-busy');
    this.body = h('div', { class: 'dialog-body' }, blocks(surface, view.blocks));
    this.problem = h('p', { class: 'modal-problem', role: 'alert', hidden: true });
    this.dialog.replaceChildren(
      h('div', { class: 'dialog-head' },
        deep ? h('button', { type: 'button', class: 'icon-button', 'aria-label': 'Back', data: { keep: 'back' }, on: { click: () => this.#close(false) } }, icon('back')) : avatar(store.person(store.app.bot_user_id), 'small'),
        h('h2', { class: 'dialog-title', id: 'modal-title' }, plain(view.title)),
        h('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close', data: { keep: 'x' }, on: { click: () => this.#close(true) } }, icon('close'))),
      this.body, this.problem,
      h('div', { class: 'dialog-foot' },
        h('button', { type: 'button', class: 'button', data: { keep: 'cancel', modal: 'close' }, on: { click: () => this.#close(false) } }, plain(view.close) || (view.submit ? 'Cancel' : 'Close')),
        view.submit && h('button', { type: 'submit', class: 'button primary', data: { keep: 'submit', modal: 'submit' } }, h('span', { class: 'button-text' }, plain(view.submit)))));
    this.#focus(back, selection);
  }

  #focus(back, selection) {
    const before = back && this.dialog.querySelector(back);
    const field = this.body.querySelector('[data-focus=load]');
    const next = before || field || focusable(this.body)[0] || this.dialog.querySelector('[data-keep=submit]') || this.dialog.querySelector('[data-keep=cancel]');
    next.focus({ preventScroll: !before && !field });
    if (before && selection && before.setSelectionRange) {
      try {
        before.setSelectionRange(...selection);
      } catch {
        // Inputs such as e-mail have no selection to put back.
      }
    }
  }

  async #submit(event) {
    event.preventDefault();
    const { view, dialog } = this;
    if (!view.submit || dialog.getAttribute('aria-busy') === 'true') return;
    this.#tell(null);
    const wrong = checkInputs(view.blocks, this.values);
    if (this.#showErrors(wrong)) return;
    this.#busy(true);
    const { look } = this;
    const answer = await this.desk.api.submit(view.id, this.values.collect(view.blocks));
    // The app may have put another version of the view here meanwhile.
    const still = this.look === look;
    if (!answer.ok || Object.keys(answer.errors || {}).length) {
      if (!still) return;
      this.#busy(false);
      if (!answer.ok) this.#tell(answer.error || 'The app did not answer. Try again.');
      else if (!this.#showErrors(answer.errors)) this.#tell('The app found something wrong, but not with a field that is shown here.');
    } else if (answer.views) {
      this.desk.store.setViews(answer.views);
      // The same view again, word for word, is not drawn anew.
      if (still && this.dialog) this.#busy(false);
    } else if (still) {
      this.desk.store.setViews(this.desk.store.views.slice(0, -1));
    }
  }

  #busy(busy) {
    const submit = this.dialog.querySelector('[data-modal=submit]');
    if (busy) this.dialog.setAttribute('aria-busy', 'true');
    else this.dialog.removeAttribute('aria-busy');
    if (submit) busy ? submit.setAttribute('aria-busy', 'true') : submit.removeAttribute('aria-busy');
  }

  #tell(words) {
    this.problem.hidden = !words;
    this.problem.replaceChildren(...(words ? [icon('warning'), h('span', {}, words)] : []));
  }

  // #showErrors writes each error under its field and goes to the first. It tells whether
  // there was a field for any.
  #showErrors(errors) {
    for (const old of this.body.querySelectorAll('.field-error')) old.remove();
    for (const old of this.body.querySelectorAll('[aria-invalid]')) {
      old.removeAttribute('aria-invalid');
      old.removeAttribute('aria-describedby');
    }
    let first;
    for (const block of this.body.querySelectorAll('.block-input')) {
      const words = Object.hasOwn(errors, block.dataset.block) ? errors[block.dataset.block] : null;
      if (!words) continue;
      const id = `error-${block.dataset.block}`;
      block.append(h('p', { class: 'field-error', id, role: 'alert', data: { error: block.dataset.block } }, icon('warning'), h('span', {}, String(words))));
      const control = block.querySelector('[data-action-id]');
      control?.setAttribute('aria-invalid', 'true');
      control?.setAttribute('aria-describedby', id);
      first ||= control || block;
    }
    first?.focus();
    return Boolean(first);
  }

  async #close(clear) {
    const { store, api } = this.desk;
    const { view } = this;
    if (!view || this.dialog.getAttribute('aria-busy') === 'true') return;
    store.setViews(clear ? [] : store.views.slice(0, -1));
    await api.close(view.id, clear);
  }
}
