// The layout blocks of Block Kit, drawn as Slack draws them.

import { fragment, h } from './dom.js';
import { paintGlyphs } from './emoji.js';
import { interactive, isInteractive } from './elements.js';
import { icon } from './icons.js';
import { link } from './links.js';
import { markdown } from './markdown.js';
import { richText } from './richtext.js';
import { plain, text } from './text.js';

// blocks draws a list of blocks on a surface.
export function blocks(surface, list) {
  return paintGlyphs(h('div', { class: 'blocks' }, (list || []).map((block) => {
    const draw = Object.hasOwn(drawers, block.type) ? drawers[block.type] : unknown;
    const node = draw(surface, block);
    node.classList.add('block');
    node.dataset.block = block.block_id || '';
    return node;
  })));
}

const drawers = {
  header, section, context, actions, divider, input, image, video, table, file,
  rich_text: (surface, block) => h('div', { class: 'block-rich prose' }, richText(surface.store, block)),
  markdown: (_, block) => h('div', { class: 'block-markdown prose' }, markdown(block.text)),
};

function header(surface, block) {
  const level = Math.min(Math.max(Number(block.level) || 1, 1), 4);
  return h('div', { class: `block-header level-${level}`, role: 'heading', 'aria-level': level + 2 }, text(surface.store, block.text));
}

function section(surface, block) {
  const content = h('div', { class: 'section-main' },
    block.text && h('div', { class: 'section-text prose' }, text(surface.store, block.text)),
    block.fields?.length && h('div', { class: 'fields' }, block.fields.map((field) => h('div', { class: 'section-field prose' }, text(surface.store, field)))));
  return h('div', { class: 'block-section' }, content, block.accessory && h('div', { class: 'accessory' }, element(surface, block, block.accessory)));
}

function context(surface, block) {
  return h('div', { class: 'block-context' }, (block.elements || []).map((item) =>
    item.type === 'image' ? h('span', { class: 'context-image' }, picture(item)) : h('span', { class: 'context-text prose' }, text(surface.store, item))));
}

function actions(surface, block) {
  return h('div', { class: 'block-actions' }, (block.elements || []).map((item) => element(surface, block, item)));
}

function divider() {
  return h('hr', { class: 'block-divider' });
}

function element(surface, block, item) {
  if (item.type === 'image') return picture(item);
  return interactive(surface, block, item) || note(`Slack would show a “${item.type}” here.`);
}

// input draws a label, the element, a hint, and room for what the app finds wrong with it.
function input(surface, block) {
  const label = plain(block.label);
  const known = block.element && isInteractive(block.element.type);
  return h('div', { class: 'block-input' },
    h('div', { class: 'input-label' }, text(surface.store, block.label), block.optional && h('span', { class: 'optional' }, ' (optional)')),
    known ? interactive(surface, block, block.element, label) : note(`Slack would show a “${block.element?.type}” here.`),
    block.hint && h('div', { class: 'input-hint' }, text(surface.store, block.hint)));
}

function image(_, block) {
  return h('figure', { class: 'block-image' }, block.title && h('figcaption', {}, plain(block.title)), picture(block));
}

const inlineImage = /^data:image\/(png|jpeg|gif|webp);base64,/;

// picture shows an image that came along with the message. The page asks nobody else's
// server for one: such an image is named by its description instead.
function picture(item) {
  const alt = String(item.alt_text || 'Image');
  const address = String(item.image_url || '');
  const placeholder = h('span', { class: 'picture-missing', role: 'img', 'aria-label': alt }, icon('image'), h('span', {}, alt));
  if (!inlineImage.test(address) && !sameOrigin(address)) return address ? link(address, placeholder) : placeholder;
  const node = h('img', { class: 'picture', src: address, alt, loading: 'lazy', on: { error: () => node.replaceWith(placeholder) } });
  return node;
}

function sameOrigin(address) {
  try {
    return new URL(address).origin === location.origin;
  } catch {
    return false;
  }
}

function video(_, block) {
  return h('div', { class: 'block-video' }, h('strong', {}, plain(block.title) || 'Video'), h('p', {}, plain(block.description)), block.video_url && link(block.video_url, 'Open the video'));
}

function file(_, block) {
  return note(`A shared file (${block.external_id || block.file_id || 'no name'}).`);
}

function table(surface, block) {
  const align = (i) => (['left', 'center', 'right'].includes(block.column_settings?.[i]?.align) ? `align-${block.column_settings[i].align}` : null);
  const cell = (item, i, tag) => h(tag, { class: align(i), scope: tag === 'th' ? 'col' : null },
    item?.type === 'rich_text' ? richText(surface.store, item) : fragment(String(item?.text ?? '')));
  const [head, ...rows] = block.rows || [];
  return h('div', { class: 'block-table table-wrap prose' }, h('table', {},
    head && h('thead', {}, h('tr', {}, head.map((item, i) => cell(item, i, 'th')))),
    h('tbody', {}, rows.map((row) => h('tr', {}, row.map((item, i) => cell(item, i, 'td')))))));
}

function unknown(_, block) {
  return note(`This page cannot draw a “${block.type}” block. Slack may.`);
}

function note(words) {
  return h('div', { class: 'block-note' }, icon('info'), h('span', {}, words));
}
