// What Slack's own client checks before it hands a form to the app.

import { holdsValue } from './values.js';

// checkInputs returns {block_id: words} for inputs that cannot be submitted as they are.
export function checkInputs(blocks, values) {
  const wrong = {};
  for (const block of blocks || []) {
    if (block.type !== 'input' || !holdsValue(block.element)) continue;
    const words = check(block, values.current(block.block_id, block.element));
    if (words) wrong[block.block_id] = words;
  }
  return wrong;
}

function check(block, value) {
  const { element } = block;
  const empty = value === null || value === undefined || value.length === 0 || (typeof value === 'string' && !value.trim());
  if (empty) return block.optional ? null : 'Please complete this required field.';
  if (typeof value !== 'string') return null;
  const length = [...value].length;
  if (element.type === 'number_input') return checkNumber(element, value);
  if (element.max_length && length > element.max_length) return `Please use at most ${element.max_length} characters. There are ${length} now.`;
  if (element.min_length && length < element.min_length) return `Please use at least ${element.min_length} characters. There are ${length} now.`;
  if (element.type === 'email_text_input' && !/^\S+@\S+\.\S+$/.test(value)) return 'Please enter an e-mail address.';
  if (element.type === 'url_text_input' && !URL.canParse(value)) return 'Please enter a web address.';
  return null;
}

function checkNumber(element, value) {
  const shape = element.is_decimal_allowed ? /^-?\d+([.]\d+)?$/ : /^-?\d+$/;
  if (!shape.test(value.trim())) return element.is_decimal_allowed ? 'Please enter a number.' : 'Please enter a whole number.';
  if (element.min_value !== undefined && Number(value) < Number(element.min_value)) return `Please enter at least ${element.min_value}.`;
  if (element.max_value !== undefined && Number(value) > Number(element.max_value)) return `Please enter at most ${element.max_value}.`;
  return null;
}
