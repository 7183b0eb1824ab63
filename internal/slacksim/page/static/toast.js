// Short notices at the foot of the page.

import { h } from './dom.js';
import { icon } from './icons.js';

const region = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });

export function toast(words, tone = 'info') {
  if (!words) return;
  if (!region.isConnected) document.body.append(region);
  const node = h('div', { class: `toast ${tone}` }, icon(tone === 'error' ? 'warning' : 'info'), h('span', {}, words),
    h('button', { type: 'button', class: 'icon-button', 'aria-label': 'Dismiss', on: { click: () => node.remove() } }, icon('close')));
  region.append(node);
  while (region.childElementCount > 4) region.firstElementChild.remove();
  setTimeout(() => node.remove(), tone === 'error' ? 10000 : 6000);
}

// report tells of a failed call, and of what a successful one has to say.
export function report(answer) {
  if (!answer.ok) toast(answer.error || 'That did not work.', 'error');
  else toast(answer.text);
  return answer.ok;
}
