// What a person has entered into the elements of one message or view, in the shape in
// which Slack reports it. Values are kept by block_id and action_id, so they survive an
// update exactly where both stay the same.

// kinds tells which field an element of a type reports, and which property holds what
// it begins with.
const kinds = {
  plain_text_input: ['value', 'initial_value'],
  email_text_input: ['value', 'initial_value'],
  url_text_input: ['value', 'initial_value'],
  number_input: ['value', 'initial_value'],
  rich_text_input: ['rich_text_value', 'initial_value'],
  static_select: ['selected_option', 'initial_option'],
  external_select: ['selected_option', 'initial_option'],
  users_select: ['selected_user', 'initial_user'],
  conversations_select: ['selected_conversation', 'initial_conversation'],
  channels_select: ['selected_channel', 'initial_channel'],
  multi_static_select: ['selected_options', 'initial_options'],
  multi_external_select: ['selected_options', 'initial_options'],
  multi_users_select: ['selected_users', 'initial_users'],
  multi_conversations_select: ['selected_conversations', 'initial_conversations'],
  multi_channels_select: ['selected_channels', 'initial_channels'],
  checkboxes: ['selected_options', 'initial_options'],
  radio_buttons: ['selected_option', 'initial_option'],
  datepicker: ['selected_date', 'initial_date'],
  timepicker: ['selected_time', 'initial_time'],
  datetimepicker: ['selected_date_time', 'initial_date_time'],
};

export function holdsValue(element) {
  return Object.hasOwn(kinds, element?.type);
}

// fieldOf names the field in which an element of this type reports its value.
export function fieldOf(type) {
  return kinds[type]?.[0];
}

function begins(element) {
  const [field, initial] = kinds[element.type];
  return { type: element.type, [field]: element[initial] ?? (field.endsWith('s') ? [] : null) };
}

// elementsOf lists every element of a block that may hold a value.
export function elementsOf(block) {
  return [block.element, block.accessory, ...(block.type === 'actions' ? block.elements || [] : [])].filter(Boolean);
}

export class Values {
  #entered = new Map();

  static key(blockId, actionId) {
    return JSON.stringify([blockId, actionId]);
  }

  // get is what the element holds now: {type, value} or the like.
  get(blockId, element) {
    const entered = this.#entered.get(Values.key(blockId, element.action_id));
    return entered?.type === element.type ? entered : begins(element);
  }

  current(blockId, element) {
    return this.get(blockId, element)[fieldOf(element.type)];
  }

  set(blockId, element, value) {
    this.#entered.set(Values.key(blockId, element.action_id), { type: element.type, [fieldOf(element.type)]: value });
  }

  // collect is the whole state of a list of blocks: {block_id: {action_id: {type, …}}}.
  collect(blocks) {
    const state = {};
    for (const block of blocks || []) {
      for (const element of elementsOf(block).filter(holdsValue)) {
        (state[block.block_id] ||= {})[element.action_id] = this.get(block.block_id, element);
      }
    }
    return state;
  }

  // keepOnly forgets what belongs to elements that are no longer there.
  keepOnly(blocks) {
    const alive = new Set((blocks || []).flatMap((block) => elementsOf(block).map((element) => Values.key(block.block_id, element.action_id))));
    for (const key of this.#entered.keys()) if (!alive.has(key)) this.#entered.delete(key);
  }
}
