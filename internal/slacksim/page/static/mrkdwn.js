// Slack's mrkdwn: escapes, emphasis, code, quotes, links, mentions, dates, emoji.

import { fragment, h } from './dom.js';
import { fill, timeNode } from './dates.js';
import { emoji, emojiNode, emojiPattern } from './emoji.js';
import { link, safeURL } from './links.js';
import { broadcastMention, channelMention, groupMention, personMention } from './mentions.js';

// mrkdwn draws a text. With verbatim bare addresses stay text.
export function mrkdwn(store, text, { verbatim = false } = {}) {
  const reader = { store, verbatim };
  const result = fragment();
  const pieces = String(text ?? '').split(/```([\s\S]*?)```/);
  pieces.forEach((piece, index) => {
    if (index % 2) {
      result.append(h('pre', {}, angles(reader, piece.replace(/^\n/, '').replace(/\n$/, ''))));
    } else {
      // A line break beside a code block is the block's own edge.
      let plain = index > 0 ? piece.replace(/^\n/, '') : piece;
      if (index < pieces.length - 1) plain = plain.replace(/\n$/, '');
      result.append(lines(reader, plain));
    }
  });
  return result;
}

// unescape reads the three entities Slack knows, each once.
export function unescape(text) {
  return text.replace(/&(amp|lt|gt);/g, (all, name) => ({ amp: '&', lt: '<', gt: '>' })[name]);
}

// escape writes them, for what a person types.
export function escape(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

const quoteMark = /^(?:&gt;|>) ?/;
const quoteRest = /^(?:(?:&gt;){3}|>>>) ?/;

function lines(reader, text) {
  const result = fragment();
  if (!text) return result;
  let run = [];
  let quoted = false;
  const flush = () => {
    if (!run.length) return;
    const content = inline(reader, run.join('\n'));
    result.append(quoted ? h('blockquote', {}, content) : content);
    run = [];
  };
  const all = text.split('\n');
  for (let i = 0; i < all.length; i++) {
    if (quoteRest.test(all[i])) {
      flush();
      quoted = true;
      run = [all[i].replace(quoteRest, ''), ...all.slice(i + 1)];
      break;
    }
    const isQuote = quoteMark.test(all[i]);
    if (isQuote !== quoted) flush();
    quoted = isQuote;
    run.push(isQuote ? all[i].replace(quoteMark, '') : all[i]);
  }
  flush();
  return result;
}

const emphasis = { '*': 'strong', _: 'em', '~': 's' };
const wordChar = /[\p{L}\p{N}]/u;
const deepest = 8;

function inline(reader, text, depth = 0) {
  const result = fragment();
  // Where a search for a closing mark failed, every later one up to that line's end fails too.
  const hopeless = {};
  let plain = '';
  const flush = () => {
    if (plain) result.append(unescape(plain));
    plain = '';
  };
  const put = (node, length) => {
    flush();
    result.append(node);
    return length;
  };
  for (let i = 0; i < text.length;) {
    const c = text[i];
    const token = c === '<' ? tokenAt(text, i) : null;
    const code = c === '`' ? codeAt(text, i) : null;
    if (token !== null) {
      i += put(angle(reader, token), token.length + 2);
    } else if (code !== null) {
      i += put(h('code', {}, angles(reader, code)), code.length + 2);
    } else if (emphasis[c] && depth < deepest && opens(text, i) && !(i < hopeless[c])) {
      const end = closing(text, i);
      if (end > 0) {
        i += put(h(emphasis[c], {}, inline(reader, text.slice(i + 1, end), depth + 1)), end + 1 - i);
      } else {
        hopeless[c] = -end;
        plain += text[i++];
      }
    } else if (c === ':' && emojiPattern.test(text.slice(i, i + 80))) {
      const [all, name] = emojiPattern.exec(text.slice(i, i + 80));
      if (emoji(name)) i += put(emojiNode(name), all.length);
      else plain += text[i++];
    } else if (c === 'h' && !reader.verbatim && !wordChar.test(text[i - 1] || ' ') && bareURL(text, i)) {
      const address = bareURL(text, i);
      i += put(link(unescape(address), unescape(address)), address.length);
    } else {
      plain += text[i++];
    }
  }
  flush();
  return result;
}

function tokenAt(text, i) {
  const end = text.indexOf('>', i);
  if (end < 0) return null;
  const token = text.slice(i + 1, end);
  return token && !/[<\n]/.test(token) ? token : null;
}

function codeAt(text, i) {
  const end = text.indexOf('`', i + 1);
  if (end <= i + 1) return null;
  const code = text.slice(i + 1, end);
  return code.includes('\n') ? null : code;
}

function opens(text, i) {
  const before = text[i - 1];
  const after = text[i + 1];
  return !(before && (wordChar.test(before) || before === text[i])) && after && !/\s/.test(after) && after !== text[i];
}

// closing finds the mark that ends the emphasis begun at i; minus the end of the line when
// there is none. Marks inside code and <tokens> do not count.
function closing(text, i) {
  const mark = text[i];
  for (let j = i + 1; j < text.length; j++) {
    const c = text[j];
    if (c === '\n') return -j;
    if (c === '`' && codeAt(text, j) !== null) j += codeAt(text, j).length + 1;
    else if (c === '<' && tokenAt(text, j) !== null) j += tokenAt(text, j).length + 1;
    else if (c === mark && j > i + 1 && !/\s/.test(text[j - 1]) && !wordChar.test(text[j + 1] || ' ')) return j;
  }
  return -text.length;
}

function bareURL(text, i) {
  const found = /^https?:\/\/[^\s<>|`]+/.exec(text.slice(i, i + 2000));
  if (!found) return null;
  const address = found[0].replace(/(?:[.,;:!?'"*_~)\]]|&[gl]t;.*)+$/, '');
  return safeURL(unescape(address)) ? address : null;
}

// angles draws a text in which only <tokens> and entities mean something, such as code.
function angles(reader, text) {
  const result = fragment();
  let rest = 0;
  for (let i = text.indexOf('<'); i >= 0; i = text.indexOf('<', i)) {
    const token = tokenAt(text, i);
    if (token === null) {
      i++;
      continue;
    }
    result.append(unescape(text.slice(rest, i)), angle(reader, token));
    i += token.length + 2;
    rest = i;
  }
  result.append(unescape(text.slice(rest)));
  return result;
}

function angle({ store }, token) {
  const bar = token.indexOf('|');
  const target = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? '' : unescape(token.slice(bar + 1));
  if (/^@[UW]/.test(target)) return personMention(store, target.slice(1), label);
  if (target.startsWith('#')) return channelMention(store, target.slice(1), label);
  if (target.startsWith('!subteam^')) return groupMention(store, target.slice(9), label);
  if (/^!(here|channel|everyone)$/.test(target)) return broadcastMention(target.slice(1));
  if (target.startsWith('!date^')) return date(target, label);
  if (target.startsWith('!')) return fragment(label || `<${target}>`);
  const address = unescape(target);
  if (!safeURL(address)) return fragment(`<${unescape(token)}>`);
  return link(address, label || address.replace(/^mailto:/, ''));
}

// date draws !date^UNIX^template^link|fallback.
function date(target, fallback) {
  const [, unix, template, address] = target.split('^');
  if (!/^-?\d{1,11}$/.test(unix) || !template || fill(template, unix) === null) return fragment(fallback);
  const node = timeNode(unix, unescape(template));
  return address ? link(unescape(address), node) : node;
}
