// Dialogs above the page: while one is open the page behind cannot be reached.

import { closePopover } from './popover.js';
import { h, trapTab } from './dom.js';

const open = [];

// showOverlay puts a dialog on top. It returns a function that takes it away again and
// gives the focus back to where it was.
export function showOverlay(dialog, { onEscape, onOutside } = {}) {
  const before = document.activeElement;
  const layer = h('div', { class: 'overlay', on: {
    keydown(event) {
      trapTab(event, dialog);
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      onEscape?.();
    },
    pointerdown(event) {
      if (event.target === layer) onOutside?.();
    },
  } }, dialog);
  closePopover();
  document.body.append(layer);
  open.push(layer);
  settle();
  return () => {
    if (!layer.isConnected) return;
    closePopover();
    layer.remove();
    open.splice(open.indexOf(layer), 1);
    settle();
    if (before?.isConnected) before.focus({ preventScroll: true });
  };
}

function settle() {
  document.getElementById('app').inert = open.length > 0;
  open.forEach((layer, i) => {
    layer.inert = i < open.length - 1;
  });
}
