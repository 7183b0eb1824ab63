// Text objects of Block Kit.

import { fragment } from './dom.js';
import { drawEmoji, withEmoji } from './emoji.js';
import { mrkdwn } from './mrkdwn.js';

// text draws {type: plain_text|mrkdwn, text}. Plain text is shown as it is, entities and
// all; only emoji are read, when asked for.
export function text(store, object) {
  if (!object) return fragment();
  if (object.type === 'mrkdwn') return mrkdwn(store, object.text, { verbatim: object.verbatim });
  const words = String(object.text ?? '');
  return object.emoji === false ? fragment(words) : drawEmoji(words);
}

// plain is such a text where only letters can stand: in labels and attributes.
export function plain(object) {
  if (!object) return '';
  const words = String(object.text ?? '');
  return object.emoji === false ? words : withEmoji(words);
}
