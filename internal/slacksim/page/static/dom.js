// Building DOM nodes. Text only ever enters the page through text nodes and attributes,
// never as HTML, so what a stranger typed stays text.

// h makes an element: h('a', {class: 'x', href, data: {ts}, on: {click}}, 'text', node, null).
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) set(element, name, value);
  element.append(...present(children));
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name === 'on') {
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  } else if (name === 'data') {
    for (const [key, item] of Object.entries(value)) if (item !== undefined && item !== null) element.dataset[key] = item;
  } else if (name === 'value' || name === 'checked') {
    element[name] = value;
  } else {
    element.setAttribute(name, value === true ? '' : value);
  }
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== '');
}

export function fragment(...children) {
  const all = document.createDocumentFragment();
  all.append(...present(children));
  return all;
}

// refill replaces the children of an element and puts the focus back on the control with
// the same identity, so that a live update does not throw a keyboard user out.
export function refill(element, ...children) {
  const focused = element.contains(document.activeElement) ? identity(document.activeElement) : null;
  element.replaceChildren(...present(children));
  if (focused) element.querySelector(focused)?.focus({ preventScroll: true });
}

// identity is a selector that finds a control again after its surroundings were drawn anew.
export function identity(element) {
  if (!element) return null;
  const { actionId, blockId, channel, action, keep } = element.dataset;
  if (actionId) {
    const value = element.matches('input[type=checkbox],input[type=radio]') ? `[value="${CSS.escape(element.value)}"]` : '';
    return `[data-block-id="${CSS.escape(blockId || '')}"][data-action-id="${CSS.escape(actionId)}"]${value}`;
  }
  if (channel) return `[data-channel="${CSS.escape(channel)}"]`;
  if (action) return `[data-action="${CSS.escape(action)}"]`;
  if (keep) return `[data-keep="${CSS.escape(keep)}"]`;
  return null;
}

// focusable lists what the Tab key reaches inside an element.
export function focusable(root) {
  const all = root.querySelectorAll('a[href],button,input,select,textarea,[tabindex]');
  return [...all].filter((element) => !element.disabled && element.tabIndex >= 0 && element.getClientRects().length > 0);
}

// trapTab keeps the Tab key inside root; call it from a keydown listener.
export function trapTab(event, root) {
  if (event.key !== 'Tab') return;
  const stops = focusable(root);
  if (!stops.length) return event.preventDefault();
  const first = stops[0];
  const last = stops[stops.length - 1];
  const outside = !root.contains(document.activeElement);
  if (event.shiftKey ? document.activeElement === first || outside : document.activeElement === last || outside) {
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }
}
