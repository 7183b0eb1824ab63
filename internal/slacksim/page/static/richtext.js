// rich_text blocks: sections, lists, quotes, preformatted text.

import { fragment, h } from './dom.js';
import { timeNode } from './dates.js';
import { emoji, emojiNode } from './emoji.js';
import { link } from './links.js';
import { broadcastMention, channelMention, groupMention, personMention } from './mentions.js';

export function richText(store, block) {
  return h('div', { class: 'rich-text' }, (block.elements || []).map((element) => part(store, element)));
}

function part(store, element) {
  const content = (element.elements || []).map((item) => element.type === 'rich_text_list' ? null : leaf(store, item));
  switch (element.type) {
    case 'rich_text_section':
      return h('div', { class: 'rich-section' }, content);
    case 'rich_text_preformatted':
      return h('pre', {}, content);
    case 'rich_text_quote':
      return h('blockquote', {}, content);
    case 'rich_text_list':
      return list(store, element);
    default:
      return null;
  }
}

function list(store, element) {
  const ordered = element.style === 'ordered';
  const items = (element.elements || []).map((item) => h('li', {}, part(store, item)));
  const node = h(ordered ? 'ol' : 'ul', { start: ordered && element.offset ? element.offset + 1 : null }, items);
  node.classList.add(`indent-${Math.min(Math.max(Number(element.indent) || 0, 0), 8)}`);
  return node;
}

const wrappers = [['code', 'code'], ['bold', 'strong'], ['italic', 'em'], ['strike', 's'], ['underline', 'u']];

function leaf(store, item) {
  let node = bare(store, item);
  for (const [style, tag] of wrappers) if (item.style?.[style]) node = h(tag, {}, node);
  return node;
}

function bare(store, item) {
  switch (item.type) {
    case 'text':
      return fragment(String(item.text ?? ''));
    case 'link':
      return link(item.url, item.text || item.url);
    case 'user':
      return personMention(store, item.user_id);
    case 'usergroup':
      return groupMention(store, item.usergroup_id);
    case 'channel':
      return channelMention(store, item.channel_id);
    case 'broadcast':
      return broadcastMention(item.range);
    case 'emoji':
      return emoji(item.name) ? emojiNode(item.name) : fragment(fromCodes(item.unicode) || `:${item.name}:`);
    case 'date': {
      const node = timeNode(item.timestamp, item.format || '{date}');
      return item.url ? link(item.url, node) : node;
    }
    case 'color':
      return colour(String(item.value ?? ''));
    default:
      return fragment(String(item.text ?? item.fallback ?? ''));
  }
}

function fromCodes(codes) {
  if (!/^[0-9a-f]+(-[0-9a-f]+)*$/i.test(codes || '')) return null;
  try {
    return String.fromCodePoint(...codes.split('-').map((code) => parseInt(code, 16)));
  } catch {
    return null;
  }
}

function colour(value) {
  const swatch = h('span', { class: 'swatch' });
  if (/^#[0-9a-f]{6}$/i.test(value)) swatch.style.setProperty('background-color', value);
  return h('span', {}, swatch, value);
}
