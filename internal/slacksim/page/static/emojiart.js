// Drawings of the emoji that approval messages live on. Most systems have a font with
// emoji, but a plain server or container has none, and a card should read the same there.

const ns = 'http://www.w3.org/2000/svg';

// A drawing is a list of [path, fill] or [path, "none", stroke, width] on a 24 by 24 grid.
const round = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
const box = (x, y, w, h, r) => `M${x + r} ${y}h${w - 2 * r}a${r} ${r} 0 0 1 ${r} ${r}v${h - 2 * r}a${r} ${r} 0 0 1 ${-r} ${r}h${-(w - 2 * r)}a${r} ${r} 0 0 1 ${-r} ${-r}v${-(h - 2 * r)}a${r} ${r} 0 0 1 ${r} ${-r}z`;
const circle = (fill) => [[round(12, 12, 9.5), fill]];
const square = (fill) => [[box(2.5, 2.5, 19, 19, 3), fill]];
const clock = [[round(12, 12, 10), '#8b98a5'], [round(12, 12, 7.8), '#fff'], ['M12 7v5l3.5 2', 'none', '#2f3b47', 1.8]];
const sheet = [[box(4.5, 2, 15, 20, 2), '#dfe5ec'], ['M8 7.5h8M8 11.5h8M8 15.5h5', 'none', '#6b7a8a', 1.6]];
const padlock = (shackle) => [[shackle, 'none', '#9aa6b2', 2.6], [box(4.5, 10.5, 15, 11, 2.5), '#f2b233'], [round(12, 15.3, 1.7), '#8a5a00'], ['M12 16v2.5', 'none', '#8a5a00', 1.8]];
const shutLock = padlock('M8 11V7.5a4 4 0 0 1 8 0V11');
const person = [[round(12, 8, 4.5), '#5b7fa6'], ['M3.5 21.5c.6-5 4-7.5 8.5-7.5s7.9 2.5 8.5 7.5z', '#5b7fa6']];
const hourglass = [['M7 4h10v3.5c0 2.3-3.2 3.3-3.2 4.5s3.2 2.2 3.2 4.5V20H7v-3.5c0-2.3 3.2-3.3 3.2-4.5S7 9.8 7 7.5z', '#cfe3f2'], ['M8.3 7.5h7.4c-.5 1.6-3.7 2.3-3.7 4 0 .8-.2 4-.2 4 1.7.3 3.4 1.5 3.6 3.5H8.6c.2-2 1.6-3.2 3.2-3.5 0 0 .2-3.2.2-4 0-1.7-3.2-2.4-3.7-4z', '#e8a33d'], ['M6 3h12M6 21h12', 'none', '#9c6b30', 2.2]];
const blueTurn = (path) => [[box(2, 2, 20, 20, 4), '#3b88c3'], [path, 'none', '#fff', 2]];

const leaf = [[box(3, 4, 18, 17, 2), '#e6e9ed'], ['M3 9V6a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v3z', '#dd2e44'], ['M7.5 13h9M7.5 17h6', 'none', '#6b7a8a', 1.8]];
const lens = [[round(10, 10, 6), '#cfe3f2', '#5c6b7a', 2.4], ['M14.5 14.5 21 21', 'none', '#5c6b7a', 3]];

const drawings = new Map(Object.entries({
  white_check_mark: [[box(2, 2, 20, 20, 4), '#5fa838'], ['M6.5 12.5l3.8 4L17.5 8', 'none', '#fff', 2.8]],
  heavy_check_mark: [['M4 13l5.5 6L20 5.5', 'none', '#5fa838', 3.4]],
  x: [['M5 5l14 14M19 5 5 19', 'none', '#dd2e44', 4]],
  warning: [['M12 2.5 23 21.5H1z', '#fdc32e'], ['M12 9v6', 'none', '#3b3323', 2.4], ['M12 18.3v.01', 'none', '#3b3323', 2.6]],
  no_entry: [[round(12, 12, 10), '#d6213b'], [box(5.5, 10, 13, 4, .8), '#fff']],
  no_entry_sign: [[round(12, 12, 8.7), 'none', '#dd2e44', 2.8], ['M6 6l12 12', 'none', '#dd2e44', 2.8]],
  octagonal_sign: [['M8 2h8l6 6v8l-6 6H8l-6-6V8z', '#dd2e44'], ['M7 12h10', 'none', '#fff', 3]],
  hourglass_flowing_sand: hourglass, hourglass,
  lock: shutLock, closed_lock_with_key: shutLock, lock_with_ink_pen: shutLock,
  unlock: padlock('M8 11V6.5a4 4 0 0 1 7.8-1.2'),
  key: [[round(8, 8, 4.3), 'none', '#e0a526', 3], ['M11.2 11.2 20 20M16.5 16.5l2.5-2.5M19.3 19.3l1.7-1.7', 'none', '#e0a526', 2.6]],
  eyes: [['M7 4c3 0 4.5 3.6 4.5 8S10 20 7 20s-4.5-3.6-4.5-8S4 4 7 4z', '#fff', '#6b7a8a', 1.2], ['M17 4c3 0 4.5 3.6 4.5 8S20 20 17 20s-4.5-3.6-4.5-8S14 4 17 4z', '#fff', '#6b7a8a', 1.2], [round(6, 12.5, 2.5), '#2f3b47'], [round(16, 12.5, 2.5), '#2f3b47']],
  bell: [['M12 2.5c-4.5 0-6.5 3.3-6.5 7 0 4.5-1.2 6-2.5 7.5v1h18v-1c-1.3-1.5-2.5-3-2.5-7.5 0-3.7-2-7-6.5-7z', '#f5b82e'], ['M9.5 19.5a2.6 2.6 0 0 0 5 0z', '#c98a12']],
  link: [['M10.5 13.5a4 4 0 0 0 5.7 0l3.2-3.2a4 4 0 0 0-5.7-5.7l-1.5 1.5M13.5 10.5a4 4 0 0 0-5.7 0l-3.2 3.2a4 4 0 0 0 5.7 5.7l1.5-1.5', 'none', '#8799a8', 2.4]],
  rotating_light: [['M6.5 18v-6a5.5 5.5 0 0 1 11 0v6z', '#e5354b'], ['M12 9.5v5', 'none', '#ffd0d6', 2.2], [box(4, 17.5, 16, 4, 1), '#66757f'], ['M12 1.5v2M4 5l1.6 1.4M20 5l-1.6 1.4', 'none', '#e5354b', 1.8]],
  information_source: [[box(2, 2, 20, 20, 4), '#3b88c3'], ['M12 11v6M12 7.2v.01', 'none', '#fff', 2.8]],
  bulb: [['M12 2a7 7 0 0 0-4 12.7c.8.7 1 1.5 1 2.3h6c0-.8.2-1.6 1-2.3A7 7 0 0 0 12 2z', '#ffd34d'], ['M9.5 19.5h5M10.5 22h3', 'none', '#8799a8', 1.8]],
  memo: sheet, pencil: sheet, page_facing_up: sheet, page_with_curl: sheet, scroll: sheet, clipboard: sheet,
  speech_balloon: [['M12 3C6.5 3 2 6.6 2 11c0 2.7 1.7 5 4.2 6.5-.2 1.5-1 2.7-2 3.5 2.2 0 4.2-.8 5.6-2.2.7.1 1.4.2 2.2.2 5.5 0 10-3.6 10-8s-4.5-8-10-8z', '#a9c4dc']],
  large_green_circle: circle('#5fa838'), large_yellow_circle: circle('#fdc32e'), large_orange_circle: circle('#f4900c'), large_red_circle: circle('#dd2e44'), red_circle: circle('#dd2e44'),
  large_blue_circle: circle('#3b88c3'), large_purple_circle: circle('#9166c7'), white_circle: [[round(12, 12, 9), '#e6e9ed', '#a8b1ba', 1]], black_circle: [[round(12, 12, 9), '#2f3b47', '#7c8792', 1]],
  large_green_square: square('#5fa838'), large_yellow_square: square('#fdc32e'), large_orange_square: square('#f4900c'), large_red_square: square('#dd2e44'), large_blue_square: square('#3b88c3'),
  alarm_clock: clock, stopwatch: clock, timer_clock: clock, watch: clock, ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`clock${i + 1}`, clock])),
  bust_in_silhouette: person, busts_in_silhouette: person,
  shield: [['M12 2c2.5 1.8 5.3 2.7 8.5 2.8C20.5 13 18.5 18.5 12 22 5.5 18.5 3.5 13 3.5 4.8 6.7 4.7 9.5 3.8 12 2z', '#4f86b8'], ['M8 12l3 3 5-6', 'none', '#fff', 2.2]],
  arrows_counterclockwise: blueTurn('M6.5 11a5.7 5.7 0 0 1 10-2.5M17.5 5.5v3h-3M17.5 13a5.7 5.7 0 0 1-10 2.5M6.5 18.5v-3h3'),
  leftwards_arrow_with_hook: blueTurn('M10 7l-4 4 4 4M6.5 11H14a3.5 3.5 0 0 1 0 6.5h-1'),
  arrow_right: blueTurn('M6 12h11.5M13 7.5l4.5 4.5-4.5 4.5'),
  calendar: leaf, date: leaf, mag: lens, mag_right: lens,
  incoming_envelope: [[box(6, 6, 16, 12.5, 1.5), '#dfe5ec'], ['M7 8l7 5.5L21 8', 'none', '#6b7a8a', 1.6], ['M1.5 9h3.5M.8 12.5h4.2M2 16h3', 'none', '#8799a8', 1.6]],
  ballot_box_with_ballot: [['M8 2.5h8l1.5 8h-11z', '#fff', '#a8b1ba', 1.2], ['M10 6l1.6 1.8L15 4.6', 'none', '#5fa838', 1.6], [box(3, 10, 18, 11.5, 1.5), '#8fa6b8'], ['M7.5 12.5h9', 'none', '#4b5c6b', 2]],
  ballot_box_with_check: [[box(2, 2, 20, 20, 4), '#3b88c3'], ['M6.5 12.5l3.8 4L17.5 8', 'none', '#fff', 2.8]],
  palm_tree: [['M12.5 9c1.5 4 1.6 8 .8 13h-3c1-5 1.2-9 .7-12.5z', '#a9713c'], ['M12 9c-2-4-6-4.5-9-2 3-.3 5.500 .5 6 3-2.500 0-4.500 1.500-4.500 5 2-2.500 5-3 7-6zM12 9c2-4 6-4.5 9-2-3-.3-5.500 .5-6 3 2.500 0 4.500 1.500 4.500 5-2-2.500-5.500-3-7.500-6z', '#5fa838']],
  pencil2: [['M4 20l1-4.500L16 4.500l3.500 3.500L8.500 19z', '#f5b82e'], ['M4 20l1-4.500 3.500 3.500z', '#3b3323']],
  grey_question: [['M8 8.500c0-5 8-5 8-.3 0 3-4 3.200-4 6.300M12 19.500v.01', 'none', '#a8b1ba', 3.400]],
  tada: [['M3 21 9 7.5l7.5 7.5z', '#f5b82e'], ['M12 8c1-2 .5-3.5-.5-5M15.5 11.5c2-1 4-.5 5.5.5M14 9.5 19 4.5', 'none', '#dd2e44', 1.8], [round(16, 4, 1.2), '#3b88c3'], [round(20.5, 8, 1.2), '#5fa838']],
  robot_face: [[box(3.5, 6.5, 17, 14, 3), '#8fa6b8'], ['M12 3v3.5', 'none', '#8fa6b8', 2], [round(8.5, 12, 1.9), '#fff'], [round(15.5, 12, 1.9), '#fff'], ['M8 17h8', 'none', '#fff', 1.8]],
}));

// drawing draws an emoji by name, or returns null for one without a drawing.
export function drawing(name) {
  const shapes = drawings.get(name);
  if (!shapes) return null;
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const [d, fill, stroke, width] of shapes) {
    const path = document.createElementNS(ns, 'path');
    path.setAttribute('d', d);
    path.setAttribute('fill', fill);
    if (stroke) {
      path.setAttribute('stroke', stroke);
      path.setAttribute('stroke-width', width);
      path.setAttribute('stroke-linecap', 'round');
      path.setAttribute('stroke-linejoin', 'round');
    }
    svg.append(path);
  }
  return svg;
}
