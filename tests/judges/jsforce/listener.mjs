// A CometD client as jsforce makes it, and what it heard.
import jsforceStreaming from 'jsforce/lib/api/streaming.js';

const { StreamingExtension } = jsforceStreaming;
const WAIT_MS = 15000;

/** Fails when the promise is not there in time. */
export async function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what()}`)), WAIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Listens to one channel. `replay` is where it starts; without it, at what is new. */
export class Listener {
  constructor(connection, channel, replay) {
    this.channel = channel;
    this.heard = [];
    this.waiting = [];
    this.stopped = new Promise((resolve) => {
      this.stop = resolve;
    });
    const extensions = [new StreamingExtension.AuthFailure((message) => this.stop(message))];
    if (replay !== undefined) extensions.push(new StreamingExtension.Replay(channel, replay));
    this.client = connection.streaming.createClient(extensions);
    this.subscription = this.client.subscribe(channel, (data) => this.take(data));
  }

  take(data) {
    this.heard.push(data);
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** The subscription is agreed; throws when it is refused. */
  async ready() {
    await soon(
      new Promise((resolve, reject) => this.subscription.then(resolve, reject)),
      () => `a subscription to ${this.channel}`,
    );
    return this;
  }

  /** The first events, as many as are asked for. */
  async events(count) {
    const enough = async () => {
      while (this.heard.length < count) await new Promise((resolve) => this.waiting.push(resolve));
    };
    await soon(
      enough(),
      () => `${count} events on ${this.channel}; there came ${JSON.stringify(this.heard)}`,
    );
    return this.heard.slice(0, count);
  }

  /** The message that ended the client for good. */
  async end() {
    return soon(this.stopped, () => `the end of the client on ${this.channel}`);
  }

  close() {
    this.client.disconnect();
  }
}

/** What an event is about. */
export function header(event) {
  return event.payload.ChangeEventHeader;
}
