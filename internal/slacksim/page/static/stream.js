// The live connection: a snapshot, then events. After every interruption the snapshot is
// read again, so nothing that happened in between is missed.

const retryMs = 1500;
const openMs = 1500;

export class Stream {
  started = false;
  #generation = 0;

  // listener is {snapshot(snapshot), event(event), state(connected, problem)}.
  constructor(api, listener) {
    Object.assign(this, { api, listener });
  }

  // start connects as the person api.as, and leaves the connection of the one before.
  async start() {
    this.started = true;
    const generation = ++this.#generation;
    this.source?.close();
    if (!this.api.as && !(await this.#pickPerson(generation))) return;
    this.#connect(generation);
  }

  // #pickPerson lets the simulator choose whom to act as.
  async #pickPerson(generation) {
    const answer = await this.api.snapshot();
    if (generation !== this.#generation) return false;
    if (answer.ok && answer.me) {
      this.api.as = answer.me;
      this.listener.snapshot(answer);
      return true;
    }
    this.listener.state(false, answer.error);
    setTimeout(() => generation === this.#generation && this.start(), retryMs);
    return false;
  }

  #connect(generation) {
    const source = this.api.events();
    this.source = source;
    const alive = () => generation === this.#generation && this.source === source;
    // Events that arrive while a snapshot is on its way are applied after it.
    let waiting = [];
    let syncing = 0;
    const sync = async () => {
      clearTimeout(late);
      const turn = ++syncing;
      waiting ||= [];
      const answer = await this.api.snapshot();
      if (!alive() || turn !== syncing) return;
      if (!answer.ok) {
        this.listener.state(false, answer.error);
        setTimeout(() => alive() && sync(), retryMs);
        return;
      }
      this.listener.snapshot(answer);
      this.listener.state(true);
      const held = waiting;
      waiting = null;
      held.forEach((event) => this.listener.event(event));
    };
    // A proxy may hold the stream's beginning back; the snapshot does not wait for it.
    const late = setTimeout(() => alive() && sync(), openMs);
    source.onopen = () => alive() && sync();
    source.onmessage = (message) => {
      if (!alive()) return;
      let event;
      try {
        event = JSON.parse(message.data);
      } catch {
        return;
      }
      if (waiting) waiting.push(event);
      else this.listener.event(event);
    };
    source.onerror = () => {
      if (!alive()) return;
      this.listener.state(false);
      waiting ||= [];
      // The browser reconnects by itself, except after an answer that is no event stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => alive() && this.#connect(generation), retryMs);
    };
  }
}
