// Pictures of people: their initials on a colour that stays theirs.

import { h } from './dom.js';
import { icon } from './icons.js';

export function avatar(person, size = 'medium') {
  const name = person?.real_name || person?.name || '?';
  const bot = person?.kind === 'bot';
  const initials = bot ? icon('check') : name.split(/[\s._-]+/).filter(Boolean).slice(0, 2).map((word) => [...word][0].toUpperCase()).join('');
  const node = h('span', { class: `avatar ${size}`, 'aria-hidden': 'true' }, initials);
  node.classList.add(bot ? 'tone-app' : `tone-${hash(person?.id || name) % 8}`);
  if (person?.kind === 'deactivated') node.classList.add('gone');
  return node;
}

function hash(words) {
  let sum = 0;
  for (const c of words) sum = (sum * 31 + c.codePointAt(0)) >>> 0;
  return sum;
}

const kinds = { admin: 'Admin', guest: 'Guest', outsider: 'Outside organisation', deactivated: 'Deactivated' };

// roleOf says what kind of account a person has, in words; nothing for a plain member.
export function roleOf(person) {
  return kinds[person?.kind] || '';
}
