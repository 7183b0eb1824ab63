// A select as Slack draws it: a control that opens a list one can search.

import { h } from './dom.js';
import { icon } from './icons.js';
import { openPopover, rove } from './popover.js';

// picker makes the control. groups is a function that lists what can be chosen:
// [{label?, options: [{key, label, hint?}]}]; chosen and onChange speak in keys.
export function picker({ groups, chosen, onChange, placeholder, multi, max, attributes }) {
  let keys = [...chosen];
  const control = h('button', { type: 'button', class: 'picker', 'aria-haspopup': 'listbox', 'aria-expanded': 'false', ...attributes, on: { click: show, keydown } });
  draw();
  return control;

  function all() {
    return groups().flatMap((group) => group.options);
  }

  function draw() {
    const labels = keys.map((key) => all().find((option) => option.key === key)?.label ?? key);
    control.classList.toggle('empty', !labels.length);
    control.replaceChildren(multi && labels.length
      ? h('span', { class: 'picker-tokens' }, labels.map((label) => h('span', { class: 'token' }, label)))
      : h('span', { class: 'picker-label' }, labels[0] ?? placeholder), icon('down'));
  }

  function keydown(event) {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    show();
  }

  function show() {
    let changed = false;
    const list = h('div', { class: 'options', role: 'listbox', 'aria-multiselectable': multi ? 'true' : null, 'aria-label': placeholder });
    const nothing = h('p', { class: 'options-none', hidden: true }, 'No matches');
    for (const group of groups()) {
      const options = group.options.map(row);
      list.append(group.label ? h('div', { role: 'group', 'aria-label': group.label }, h('div', { class: 'menu-heading' }, group.label), options) : h('div', {}, options));
    }
    const search = h('input', { type: 'search', class: 'options-search', placeholder: 'Search…', 'aria-label': 'Search the list', autocomplete: 'off', on: { input: filter, keydown: enter } });
    const box = h('div', { class: 'picker-box' }, all().length > 7 && search, list, nothing);
    rove(box, '[role=option]');
    const close = openPopover(control, box, { width: control.offsetWidth, onClose: () => changed && onChange(keys) });
    (box.querySelector('input') || list.querySelector('[aria-selected=true]') || list.querySelector('[role=option]'))?.focus();

    function row(option) {
      const node = h('button', { type: 'button', class: 'option', role: 'option', tabindex: '-1', 'aria-selected': String(keys.includes(option.key)), data: { value: option.key }, on: { click: () => pick(option, node) } },
        h('span', { class: 'option-text' }, h('span', {}, option.label), option.hint && h('span', { class: 'menu-hint' }, option.hint)), icon('check'));
      node.dataset.search = `${option.label} ${option.hint || ''}`.toLowerCase();
      return node;
    }

    function pick(option, node) {
      if (!multi) {
        changed = true;
        keys = [option.key];
      } else if (keys.includes(option.key)) {
        changed = true;
        keys = keys.filter((key) => key !== option.key);
      } else if (!max || keys.length < max) {
        changed = true;
        keys = [...keys, option.key];
      }
      draw();
      if (!multi) return close();
      node.setAttribute('aria-selected', String(keys.includes(option.key)));
    }

    function filter() {
      const wanted = search.value.trim().toLowerCase();
      let found = 0;
      for (const node of list.querySelectorAll('[role=option]')) {
        node.hidden = !node.dataset.search.includes(wanted);
        if (!node.hidden) found++;
      }
      nothing.hidden = found > 0;
    }

    function enter(event) {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      list.querySelector('[role=option]:not([hidden])')?.click();
    }
  }
}
