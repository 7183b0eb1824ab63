// Menus and lists that hang on a control.

import { h } from './dom.js';

let current;

// openPopover shows content beside anchor until it is closed: by Escape, by a press
// elsewhere, or by whoever opened it. It returns a function that closes it.
export function openPopover(anchor, content, { onClose, width } = {}) {
  current?.();
  const box = h('div', { class: 'popover' }, content);
  if (width) box.style.setProperty('min-width', `${width}px`);
  document.body.append(box);
  place(box, anchor);
  anchor.setAttribute('aria-expanded', 'true');

  const close = (refocus = true) => {
    if (current !== close) return;
    current = undefined;
    document.removeEventListener('pointerdown', outside, true);
    window.removeEventListener('resize', close);
    anchor.setAttribute('aria-expanded', 'false');
    const hadFocus = box.contains(document.activeElement);
    box.remove();
    onClose?.();
    if (refocus && hadFocus) (anchor.isConnected ? anchor : null)?.focus({ preventScroll: true });
  };
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) close(false);
  };
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      event.preventDefault();
      close();
    } else if (event.key === 'Tab') {
      close();
    }
  });
  document.addEventListener('pointerdown', outside, true);
  window.addEventListener('resize', close);
  current = close;
  return close;
}

export function closePopover() {
  current?.();
}

function place(box, anchor) {
  const at = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const margin = 8;
  const below = at.bottom + 4;
  const top = below + size.height + margin <= innerHeight ? below : Math.max(margin, at.top - size.height - 4);
  const left = Math.max(margin, Math.min(at.left, innerWidth - size.width - margin));
  box.style.setProperty('top', `${top}px`);
  box.style.setProperty('left', `${left}px`);
}

// rove moves the focus among items with the arrow keys, Home and End.
export function rove(container, selector) {
  container.addEventListener('keydown', (event) => {
    const items = [...container.querySelectorAll(selector)].filter((item) => !item.hidden);
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? items.length - 1 : at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined || !items.length) return;
    if (document.activeElement.matches('input') && (event.key === 'Home' || event.key === 'End')) return;
    event.preventDefault();
    items[(next + items.length) % items.length].focus();
  });
}

// openMenu shows a menu of {label, hint?, node?, data?, danger?, checked?, choose} items.
export function openMenu(anchor, label, items) {
  let close;
  const menu = h('div', { class: 'menu', role: 'menu', 'aria-label': label }, items.map((item) => menuItem(item, () => {
    close();
    item.choose();
  })));
  rove(menu, '[role^=menuitem]');
  close = openPopover(anchor, menu);
  (menu.querySelector('[aria-checked=true]') || menu.querySelector('[role^=menuitem]'))?.focus();
  return close;
}

function menuItem(item, choose) {
  if (item.heading) return h('div', { class: 'menu-heading', role: 'presentation' }, item.heading);
  const radio = item.checked !== undefined;
  return h('button', {
    type: 'button', class: item.danger ? 'menu-item danger' : 'menu-item', role: radio ? 'menuitemradio' : 'menuitem',
    'aria-checked': radio ? String(item.checked) : null, tabindex: '-1', data: item.data, on: { click: choose },
  }, item.node || [h('span', { class: 'menu-label' }, item.label), item.hint && h('span', { class: 'menu-hint' }, item.hint)]);
}
