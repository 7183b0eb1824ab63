// The dialog that asks before an act.

import { h } from './dom.js';
import { showOverlay } from './overlay.js';
import { plain, text } from './text.js';

// confirmed shows a confirm object and resolves to whether the person agreed.
export function confirmed(store, object) {
  return new Promise((resolve) => {
    let hide;
    const answer = (agreed) => {
      hide();
      resolve(agreed);
    };
    const style = object.style === 'danger' ? 'button danger' : 'button primary';
    const yes = h('button', { type: 'button', class: style, data: { confirm: 'yes' }, on: { click: () => answer(true) } }, plain(object.confirm) || 'Yes');
    const no = h('button', { type: 'button', class: 'button', data: { confirm: 'no' }, on: { click: () => answer(false) } }, plain(object.deny) || 'Cancel');
    const dialog = h('div', { class: 'dialog small', role: 'alertdialog', 'aria-modal': 'true', 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-text' },
      h('h2', { id: 'confirm-title', class: 'dialog-title' }, plain(object.title) || 'Are you sure?'),
      h('div', { id: 'confirm-text', class: 'dialog-body prose' }, text(store, object.text)),
      h('div', { class: 'dialog-foot' }, no, yes));
    hide = showOverlay(dialog, { onEscape: () => answer(false), onOutside: () => answer(false) });
    yes.focus();
  });
}
