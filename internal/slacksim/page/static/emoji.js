// The emoji that bots use, by Slack's names. A name that is not here stays as it was
// typed, as Slack does with an emoji it does not know.

import { fragment, h } from './dom.js';
import { drawing } from './emojiart.js';

const names = {
  white_check_mark: '✅', heavy_check_mark: '✔️', ballot_box_with_check: '☑️', x: '❌', negative_squared_cross_mark: '❎', heavy_multiplication_x: '✖️',
  warning: '⚠️', no_entry: '⛔', no_entry_sign: '🚫', octagonal_sign: '🛑', rotating_light: '🚨', exclamation: '❗', heavy_exclamation_mark: '❗', question: '❓', grey_question: '❔', bangbang: '‼️',
  information_source: 'ℹ️', bulb: '💡', bell: '🔔', no_bell: '🔕', mega: '📣', loudspeaker: '📢', speech_balloon: '💬', thought_balloon: '💭',
  hourglass: '⌛', hourglass_flowing_sand: '⏳', alarm_clock: '⏰', stopwatch: '⏱️', timer_clock: '⏲️', watch: '⌚', calendar: '📆', date: '📅', spiral_calendar_pad: '🗓️',
  clock1: '🕐', clock2: '🕑', clock3: '🕒', clock4: '🕓', clock5: '🕔', clock6: '🕕', clock7: '🕖', clock8: '🕗', clock9: '🕘', clock10: '🕙', clock11: '🕚', clock12: '🕛',
  lock: '🔒', unlock: '🔓', closed_lock_with_key: '🔐', lock_with_ink_pen: '🔏', key: '🔑', old_key: '🗝️', shield: '🛡️', ticket: '🎫', identification_card: '🪪',
  link: '🔗', paperclip: '📎', pushpin: '📌', round_pushpin: '📍', memo: '📝', pencil: '📝', pencil2: '✏️', scroll: '📜', page_facing_up: '📄', page_with_curl: '📃', clipboard: '📋', ballot_box_with_ballot: '🗳️', bookmark: '🔖', books: '📚', open_file_folder: '📂', file_folder: '📁', card_index: '📇', label: '🏷️',
  eyes: '👀', eye: '👁️', mag: '🔍', mag_right: '🔎', wave: '👋', raised_hand: '✋', hand: '✋', raised_hands: '🙌', pray: '🙏', clap: '👏', muscle: '💪', point_right: '👉', point_left: '👈', point_up: '☝️', point_down: '👇',
  '+1': '👍', thumbsup: '👍', '-1': '👎', thumbsdown: '👎', ok_hand: '👌', bust_in_silhouette: '👤', busts_in_silhouette: '👥', robot_face: '🤖', technologist: '🧑‍💻', cop: '👮', detective: '🕵️',
  large_green_circle: '🟢', large_yellow_circle: '🟡', large_orange_circle: '🟠', large_red_circle: '🔴', red_circle: '🔴', large_blue_circle: '🔵', large_purple_circle: '🟣', white_circle: '⚪', black_circle: '⚫', large_green_square: '🟩', large_red_square: '🟥', large_yellow_square: '🟨', large_orange_square: '🟧', large_blue_square: '🟦',
  arrow_right: '➡️', arrow_left: '⬅️', arrow_up: '⬆️', arrow_down: '⬇️', arrow_forward: '▶️', arrows_counterclockwise: '🔄', arrows_clockwise: '🔃', repeat: '🔁', leftwards_arrow_with_hook: '↩️', arrow_right_hook: '↪️', fast_forward: '⏩', double_vertical_bar: '⏸️', black_square_for_stop: '⏹️', recycle: '♻️', heavy_plus_sign: '➕', heavy_minus_sign: '➖',
  gear: '⚙️', wrench: '🔧', hammer_and_wrench: '🛠️', toolbox: '🧰', package: '📦', computer: '💻', desktop_computer: '🖥️', globe_with_meridians: '🌐', earth_africa: '🌍', satellite: '📡', electric_plug: '🔌', floppy_disk: '💾', wastebasket: '🗑️', incoming_envelope: '📨', email: '📧', envelope: '✉️', inbox_tray: '📥', outbox_tray: '📤', chart_with_upwards_trend: '📈', bar_chart: '📊',
  rocket: '🚀', fire: '🔥', boom: '💥', zap: '⚡', tada: '🎉', sparkles: '✨', star: '⭐', sunny: '☀️', crescent_moon: '🌙', snowflake: '❄️', construction: '🚧', checkered_flag: '🏁', triangular_flag_on_post: '🚩', waving_white_flag: '🏳️', ghost: '👻', bug: '🐛', seedling: '🌱', palm_tree: '🌴', balloon: '🎈', coffee: '☕', scales: '⚖️', crossed_swords: '⚔️', hammer: '🔨', judge: '🧑‍⚖️',
  smile: '😄', slightly_smiling_face: '🙂', wink: '😉', thinking_face: '🤔', sweat_smile: '😅', neutral_face: '😐', cry: '😢', see_no_evil: '🙈', heart: '❤️', green_heart: '💚', blue_heart: '💙', one: '1️⃣', two: '2️⃣', three: '3️⃣', four: '4️⃣', five: '5️⃣', '100': '💯', new: '🆕', ok: '🆗', sos: '🆘', up: '🆙', id: '🆔', hash: '#️⃣',
};

// The names in a map without a prototype, so that :constructor: is not an emoji.
const known = new Map(Object.entries(names));

export const emojiPattern = /^:([a-z0-9_+'-]+)(?:::skin-tone-[2-6])?:/;

export function emoji(name) {
  return known.get(name);
}

// withEmoji replaces :names: in a text that knows no other formatting.
export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+'-]+):/g, (all, name) => known.get(name) || all);
}

// emojiNode draws one emoji inside a text.
export function emojiNode(name) {
  return h('span', { class: 'emoji', role: 'img', 'aria-label': name.replace(/_/g, ' '), title: `:${name}:` }, drawing(name) || known.get(name));
}

// drawEmoji is withEmoji for a place where nodes can stand.
export function drawEmoji(text) {
  return fragment(text.split(/(:[a-z0-9_+'-]+:)/).map((piece) => {
    const name = piece.slice(1, -1);
    return piece.length > 2 && piece.startsWith(':') && known.has(name) ? emojiNode(name) : piece;
  }));
}

// Glyphs that have a drawing, by themselves or with the mark that asks for colour.
const drawn = new Map([...known].filter(([name]) => drawing(name)).map(([name, glyph]) => [glyph.replace(/\uFE0F/g, ''), name]));
const glyphs = new RegExp(`(${[...drawn.keys()].join('|')})\uFE0F?`, 'u');

// paintGlyphs replaces the emoji characters in a finished tree by their drawings, so that a
// card reads the same on a system without an emoji font.
export function paintGlyphs(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) if (glyphs.test(walker.currentNode.data) && !walker.currentNode.parentElement?.closest('.emoji, textarea, option')) found.push(walker.currentNode);
  for (const node of found) {
    const pieces = node.data.split(glyphs);
    node.replaceWith(fragment(pieces.map((piece, i) => (i % 2 ? emojiNode(drawn.get(piece)) : piece.replace(/^\uFE0F/, '')))));
  }
  return root;
}
