// Interactive elements of Block Kit. Every control carries data-block-id and
// data-action-id, and reports what it holds to its surface.

import { h } from './dom.js';
import { icon } from './icons.js';
import { safeURL } from './links.js';
import { picker } from './picker.js';
import { openMenu } from './popover.js';
import { plain, text } from './text.js';
import { fieldOf } from './values.js';

// interactive draws an element, or returns undefined for a type this page does not know.
export function interactive(surface, block, element, label) {
  const draw = drawers[element.type];
  return draw?.(surface, block, element, label);
}

export function isInteractive(type) {
  return Object.hasOwn(drawers, type);
}

const drawers = {
  button,
  workflow_button: button,
  overflow,
  plain_text_input: textInput,
  email_text_input: textInput,
  url_text_input: textInput,
  number_input: textInput,
  rich_text_input: textInput,
  checkboxes: choices,
  radio_buttons: choices,
  datepicker: dateInput,
  timepicker: dateInput,
  datetimepicker: dateInput,
  static_select: select,
  users_select: select,
  conversations_select: select,
  channels_select: select,
  multi_static_select: select,
  multi_users_select: select,
  multi_conversations_select: select,
  multi_channels_select: select,
};

function attributes(block, element, label) {
  return {
    'aria-label': label || element.accessibility_label || null,
    data: { blockId: block.block_id, actionId: element.action_id, focus: element.focus_on_load ? 'load' : null },
  };
}

// enter notes a value, and tells the app when it wants to hear of it: always outside of
// an input block, inside one only with dispatch_action.
function enter(surface, block, element, control, value) {
  surface.values.set(block.block_id, element, value);
  if (block.type !== 'input' || block.dispatch_action) surface.act(control, block, element, { [fieldOf(element.type)]: value });
}

function button(surface, block, element) {
  const label = plain(element.text) || 'Button';
  const address = element.url && safeURL(element.url);
  const style = element.style === 'primary' || element.style === 'danger' ? `button ${element.style}` : 'button';
  const props = { ...attributes(block, element), class: style, title: label };
  const content = h('span', { class: 'button-text' }, element.text?.text ? text(surface.store, { ...element.text, type: 'plain_text' }) : label);
  const press = (event) => surface.act(event.currentTarget, block, element, { value: element.value });
  if (!address) return h('button', { ...props, type: 'button', on: { click: press } }, content);
  return h('a', { ...props, role: 'button', href: address.href, target: '_blank', rel: 'noopener noreferrer', on: { click: press } }, content);
}

function overflow(surface, block, element) {
  const control = h('button', { ...attributes(block, element, 'More actions'), type: 'button', class: 'button overflow', 'aria-haspopup': 'menu', 'aria-expanded': 'false', on: { click: show } }, icon('more'));
  return control;

  function show() {
    openMenu(control, 'More actions', (element.options || []).map((option) => ({
      label: plain(option.text), hint: plain(option.description), data: { value: option.value }, choose: () => choose(option),
    })));
  }

  function choose(option) {
    const address = option.url && safeURL(option.url);
    if (address) window.open(address.href, '_blank', 'noopener,noreferrer');
    surface.act(control, block, element, { selected_option: option });
  }
}

const inputTypes = { email_text_input: 'email', url_text_input: 'url', number_input: 'text' };

function textInput(surface, block, element, label) {
  const long = element.multiline || element.type === 'rich_text_input';
  const rich = element.type === 'rich_text_input';
  const held = surface.values.current(block.block_id, element);
  const control = h(long ? 'textarea' : 'input', {
    ...attributes(block, element, label), class: 'field',
    type: long ? null : inputTypes[element.type] || 'text', rows: long ? 4 : null, autocomplete: 'off',
    inputmode: element.type === 'number_input' ? 'decimal' : null,
    placeholder: plain(element.placeholder) || null, value: rich ? richWords(held) : held ?? '', on: { input, keydown },
  });
  const limit = element.max_length;
  const counter = limit && h('span', { class: 'counter', 'aria-live': 'polite' });
  count();
  return h('div', { class: 'field-wrap' }, control, counter);

  function value() {
    if (control.value === '') return null;
    return rich ? richValue(control.value) : control.value;
  }

  function input() {
    surface.values.set(block.block_id, element, value());
    count();
    const triggers = element.dispatch_action_config?.trigger_actions_on || [];
    if (dispatches() && triggers.includes('on_character_entered')) surface.act(control, block, element, { value: value() });
  }

  function keydown(event) {
    if (event.key !== 'Enter' || event.isComposing || (long && !event.metaKey && !event.ctrlKey)) return;
    const triggers = element.dispatch_action_config?.trigger_actions_on || ['on_enter_pressed'];
    if (!dispatches() || !triggers.includes('on_enter_pressed')) return;
    event.preventDefault();
    event.stopPropagation();
    surface.act(control, block, element, { value: value() });
  }

  function dispatches() {
    return block.dispatch_action === true;
  }

  function count() {
    if (!counter) return;
    const left = limit - [...control.value].length;
    counter.textContent = String(left);
    counter.classList.toggle('over', left < 0);
    counter.hidden = left > Math.max(20, limit / 5);
  }
}

function richValue(words) {
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: words }] }] };
}

function richWords(value) {
  return (value?.elements || []).map((part) => (part.elements || []).map((leaf) => leaf.text || '').join('')).join('\n');
}

let groupsMade = 0;

function choices(surface, block, element, label) {
  const many = element.type === 'checkboxes';
  const name = `choice-${++groupsMade}`;
  const held = surface.values.current(block.block_id, element);
  const isHeld = (option) => (many ? held.some((each) => each.value === option.value) : held?.value === option.value);
  const options = element.options || [];
  const group = h('div', { class: 'choices', role: many ? 'group' : 'radiogroup', 'aria-label': label || null }, options.map((option, i) =>
    h('label', { class: 'choice' },
      h('input', { type: many ? 'checkbox' : 'radio', name, value: option.value, checked: isHeld(option),
        data: { blockId: block.block_id, actionId: element.action_id, focus: i === 0 && element.focus_on_load ? 'load' : null }, on: { change } }),
      h('span', { class: 'choice-text prose' }, h('span', {}, text(surface.store, option.text)), option.description && h('span', { class: 'choice-hint' }, text(surface.store, option.description))))));
  return group;

  function change(event) {
    const boxes = [...group.querySelectorAll('input')];
    const chosen = options.filter((_, i) => boxes[i].checked);
    enter(surface, block, element, event.target, many ? chosen : chosen[0] ?? null);
  }
}

const dateTypes = { datepicker: 'date', timepicker: 'time', datetimepicker: 'datetime-local' };

function dateInput(surface, block, element, label) {
  const held = surface.values.current(block.block_id, element);
  const control = h('input', {
    ...attributes(block, element, label || plain(element.placeholder) || 'Date'), class: 'field short', type: dateTypes[element.type],
    value: element.type === 'datetimepicker' ? localMinute(held) : held ?? '', on: { change },
  });
  return control;

  function change() {
    const words = control.value || null;
    enter(surface, block, element, control, element.type === 'datetimepicker' && words ? Math.floor(new Date(words).getTime() / 1000) : words);
  }
}

function localMinute(unix) {
  if (!unix) return '';
  const date = new Date(unix * 1000);
  return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function select(surface, block, element, label) {
  const multi = element.type.startsWith('multi_');
  const objects = element.type.endsWith('static_select');
  const held = surface.values.current(block.block_id, element);
  const list = multi ? held : held === null ? [] : [held];
  const options = objects ? [...(element.options || []), ...(element.option_groups || []).flatMap((group) => group.options)] : [];
  const control = picker({
    groups: () => offered(surface.store, element),
    chosen: objects ? list.map((option) => option.value) : list,
    placeholder: plain(element.placeholder) || 'Select an item',
    multi,
    max: element.max_selected_items,
    attributes: attributes(block, element, label || plain(element.placeholder)),
    onChange(keys) {
      const chosen = objects ? keys.map((key) => options.find((option) => option.value === key)) : keys;
      enter(surface, block, element, control, multi ? chosen : chosen[0] ?? null);
    },
  });
  return control;
}

// offered lists what a select offers: its own options, or the people and channels here.
function offered(store, element) {
  const type = element.type.replace(/^multi_/, '');
  if (type === 'users_select') {
    return [{ options: store.people.filter((person) => person.kind !== 'deactivated').map((person) => ({ key: person.id, label: person.name, hint: person.real_name !== person.name ? person.real_name : person.title })) }];
  }
  if (type === 'channels_select') return [{ options: store.visibleChannels().filter((channel) => channel.kind === 'channel').map(channelOption) }];
  if (type === 'conversations_select') return [{ options: store.visibleChannels().map(channelOption) }];
  const toOption = (option) => ({ key: option.value, label: plain(option.text), hint: plain(option.description) });
  if (element.option_groups) return element.option_groups.map((group) => ({ label: plain(group.label), options: (group.options || []).map(toOption) }));
  return [{ options: (element.options || []).map(toOption) }];

  function channelOption(channel) {
    return { key: channel.id, label: channel.kind === 'dm' ? store.channelTitle(channel) : `# ${channel.name}`, hint: channel.topic };
  }
}
