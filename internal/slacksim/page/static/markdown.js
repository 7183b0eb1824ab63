// The markdown block: the part of Markdown that bots write.

import { fragment, h } from './dom.js';
import { emoji, emojiNode } from './emoji.js';
import { link } from './links.js';

export function markdown(source) {
  const root = h('div', { class: 'markdown' });
  const lines = String(source ?? '').split('\n');
  for (let i = 0; i < lines.length;) i += one(root, lines, i);
  return root;
}

const starts = {
  fence: /^\s*(```|~~~)/,
  heading: /^(#{1,6})\s+(.*)$/,
  rule: /^\s*([-*_])(\s*\1){2,}\s*$/,
  quote: /^\s*>\s?/,
  item: /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/,
  row: /^\s*\|.*\|\s*$/,
};

// one draws the piece that begins at line i and says how many lines it took.
function one(root, lines, i) {
  const line = lines[i];
  if (!line.trim()) return 1;
  if (starts.fence.test(line)) {
    const close = lines.findIndex((next, j) => j > i && starts.fence.test(next));
    const end = close < 0 ? lines.length : close;
    root.append(h('pre', {}, lines.slice(i + 1, end).join('\n')));
    return end - i + 1;
  }
  const heading = starts.heading.exec(line);
  if (heading) {
    root.append(h('p', { class: `md-heading md-${heading[1].length}`, role: 'heading', 'aria-level': heading[1].length + 2 }, inline(heading[2])));
    return 1;
  }
  if (starts.rule.test(line)) {
    root.append(h('hr', {}));
    return 1;
  }
  const taken = (test) => {
    let end = i;
    while (end < lines.length && test(lines[end])) end++;
    return lines.slice(i, end);
  };
  if (starts.quote.test(line)) {
    const run = taken((next) => starts.quote.test(next));
    root.append(h('blockquote', {}, inline(run.map((next) => next.replace(starts.quote, '')).join('\n'))));
    return run.length;
  }
  if (starts.item.test(line)) {
    const run = taken((next) => starts.item.test(next));
    root.append(list(run));
    return run.length;
  }
  if (starts.row.test(line)) {
    const run = taken((next) => starts.row.test(next));
    root.append(table(run));
    return run.length;
  }
  const run = taken((next) => next.trim() && !['fence', 'heading', 'rule', 'quote', 'item', 'row'].some((name) => starts[name].test(next)));
  root.append(h('p', {}, inline(run.join('\n'))));
  return run.length;
}

function list(run) {
  const items = run.map((line) => starts.item.exec(line));
  const node = h(/\d/.test(items[0][2]) ? 'ol' : 'ul', {});
  for (const [, indent, , words] of items) {
    const task = /^\[([ xX])\]\s+/.exec(words);
    const item = h('li', {}, task ? (task[1] === ' ' ? '☐ ' : '☑ ') : '', inline(task ? words.slice(task[0].length) : words));
    item.classList.add(`indent-${Math.min(Math.floor(indent.replace(/\t/g, '  ').length / 2), 8)}`);
    node.append(item);
  }
  return node;
}

function table(run) {
  const rows = run.map((line) => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => cell.trim()));
  const ruled = rows[1]?.every((cell) => /^:?-+:?$/.test(cell));
  const body = ruled ? rows.slice(2) : rows;
  return h('div', { class: 'table-wrap' }, h('table', {},
    ruled && h('thead', {}, h('tr', {}, rows[0].map((cell) => h('th', { scope: 'col' }, inline(cell))))),
    h('tbody', {}, body.map((row) => h('tr', {}, row.map((cell) => h('td', {}, inline(cell))))))));
}

const spans = /`([^`\n]+)`|\[([^\]\n]*)\]\(([^()\s]+)\)|\*\*([^*\n]+)\*\*|__([^_\n]+)__|~~([^~\n]+)~~|\*([^*\s][^*\n]*)\*|\b_([^_\n]+)_\b|(https?:\/\/[^\s<>)]+)|:([a-z0-9_+'-]+):/;

function inline(source) {
  const result = fragment();
  let rest = source;
  for (let found = spans.exec(rest); found; found = spans.exec(rest)) {
    const [all, code, label, address, bold, bold2, strike, italic, italic2, bare, name] = found;
    result.append(rest.slice(0, found.index));
    if (code) result.append(h('code', {}, code));
    else if (address) result.append(link(address, label || address));
    else if (bold || bold2) result.append(h('strong', {}, inline(bold || bold2)));
    else if (strike) result.append(h('s', {}, inline(strike)));
    else if (italic || italic2) result.append(h('em', {}, inline(italic || italic2)));
    else if (bare) result.append(link(bare, bare));
    else result.append(emoji(name) ? emojiNode(name) : all);
    rest = rest.slice(found.index + all.length);
  }
  result.append(rest);
  return result;
}
