// Links out of texts. Only addresses a browser may safely follow become links; any other
// scheme stays text.

import { h } from './dom.js';

export function safeURL(address) {
  try {
    const url = new URL(address);
    return ['http:', 'https:', 'mailto:', 'tel:'].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

// link makes a link to address, or the plain content when the address is not one to follow.
// Links to a message of this workspace open on this page, not in a new tab.
export function link(address, ...content) {
  const url = safeURL(address);
  if (!url) return h('span', { class: 'unlinked' }, ...content);
  if (url.origin === location.origin && permalink(url)) return h('a', { href: permalink(url) }, ...content);
  return h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, ...content);
}

// permalink turns …/archives/C1/p1700000000123456 into the page's own place for it.
function permalink(url) {
  const found = /^\/archives\/([A-Z0-9]+)(?:\/p(\d+)(\d{6}))?$/.exec(url.pathname);
  if (!found) return null;
  const place = new URLSearchParams({ channel: found[1] });
  if (found[2]) place.set('ts', `${found[2]}.${found[3]}`);
  if (url.searchParams.get('thread_ts')) place.set('thread', url.searchParams.get('thread_ts'));
  return `#${place}`;
}
