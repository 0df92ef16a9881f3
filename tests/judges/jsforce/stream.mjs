// Change events: where a subscription starts, what arrives, and what happens when it breaks.
import { fits, has, holds, same } from './checks.mjs';
import { header, Listener, soon } from './listener.mjs';

const ALL = '/data/ChangeEvents';

/** The codes of what was heard. */
function codes(listener) {
  return listener.heard.map((event) => event.payload.Code__c);
}

/** The error with which a subscription is refused. faye reads a code only out of texts without marks such as `{`. */
async function refusal(listener) {
  const error = await listener.ready().then(
    () => null,
    (caught) => caught,
  );
  holds(error, `${listener.channel} should have been refused`);
  return error;
}

/** Records with these codes, and their ids. */
async function make(connection, object, ...keys) {
  const made = [];
  for (const code of keys) made.push((await connection.sobject(object).create({ Code__c: code })).id);
  return made;
}

export async function everythingNew(org) {
  const connection = org.connect({ callOptions: { client: 'judge' } });
  await make(connection, 'Tide_New__c', 'before');
  const heard = [];
  let subscription;
  const three = new Promise((resolve) => {
    // as its own documentation does
    subscription = connection.streaming.subscribe(ALL, (data) => heard.push(data) === 3 && resolve());
  });
  await new Promise((resolve, reject) => subscription.then(resolve, reject));
  const listener = await new Listener(connection, ALL).ready();
  const [id] = await make(connection, 'Tide_New__c', 'new');
  await connection.sobject('Tide_New__c').update({ Id: id, Amount__c: 7, Code__c: null });
  await connection.sobject('Tide_New__c').destroy(id);
  const [made, changed, gone] = await listener.events(3);
  has(header(made), {
    entityName: 'Tide_New__c',
    recordIds: [id],
    changeType: 'CREATE',
    changedFields: [],
    sequenceNumber: 1,
  });
  same(header(made).changeOrigin, 'com/salesforce/api/rest/67.0;client=judge');
  same([made.payload.Code__c, 'Amount__c' in made.payload, 'Id' in made.payload], ['new', false, false]);
  fits(made.payload.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
  same(header(made).commitTimestamp % 1000, 0);
  has(header(changed), { changeType: 'UPDATE', recordIds: [id] });
  same([...header(changed).changedFields].sort(), ['Amount__c', 'Code__c', 'LastModifiedDate']);
  same(Object.keys(changed.payload).sort(), [
    'Amount__c',
    'ChangeEventHeader',
    'Code__c',
    'LastModifiedDate',
  ]);
  same([changed.payload.Amount__c, changed.payload.Code__c], [7, null]);
  same([header(gone).changeType, Object.keys(gone.payload)], ['DELETE', ['ChangeEventHeader']]);
  holds(
    made.event.replayId < changed.event.replayId && changed.event.replayId < gone.event.replayId,
    'replay ids grow',
  );
  fits(made.schema, /^[\w-]{22}$/);
  await soon(three, () => `three events by the plain way; there came ${JSON.stringify(heard)}`);
  same(
    heard.map((event) => event.event.replayId),
    [made, changed, gone].map((event) => event.event.replayId),
  );
  listener.close();
}

export async function severalCallOptions(org) {
  const connection = org.connect({ callOptions: { client: 'judge', defaultNamespace: 'isthmus' } }); // joined by a comma
  const listener = await new Listener(connection, '/data/Ledger__ChangeEvent').ready();
  await make(connection, 'Ledger__c', 'options');
  const [made] = await listener.events(1);
  same(header(made).changeOrigin, 'com/salesforce/api/rest/67.0;client=judge');
  const [saved] = await connection.create('Ledger__c', [{ Code__c: 'options-2' }]);
  await connection.bulk2.loadAndWaitForResults({
    object: 'Ledger__c',
    operation: 'insert',
    input: [{ Code__c: 'options-3' }],
    pollInterval: 10,
  });
  const [, collected, loaded] = await listener.events(3);
  same(
    [header(collected).recordIds, header(collected).changeOrigin],
    [[saved.id], 'com/salesforce/api/rest/67.0'],
  );
  same(header(loaded).changeOrigin, 'com/salesforce/api/bulkapi/67.0;client=judge');
  listener.close();
}

export async function partsOfOneField(org) {
  const connection = org.connect();
  const listener = await new Listener(connection, '/data/ContactChangeEvent').ready();
  const contacts = connection.sobject('Contact');
  const { id } = await contacts.create({
    FirstName: 'Ada',
    LastName: 'Okafor',
    MailingCity: 'Lisbon',
    MailingCountry: 'Portugal',
  });
  await contacts.update({ Id: id, MailingCity: 'Porto', FirstName: null });
  const [made, changed] = await listener.events(2);
  has(made.payload.Name, { FirstName: 'Ada', LastName: 'Okafor' });
  has(made.payload.MailingAddress, { City: 'Lisbon', Country: 'Portugal' });
  same([...header(changed).changedFields].sort(), [
    'LastModifiedDate',
    'MailingAddress.City',
    'Name.FirstName',
  ]);
  same([changed.payload.MailingAddress, changed.payload.Name], [{ City: 'Porto' }, { FirstName: null }]);
  listener.close();
}

export async function severalRecords(org) {
  const connection = org.connect();
  const listener = await new Listener(connection, '/data/Tide_Quiet__ChangeEvent').ready();
  const ids = await make(connection, 'Tide_Quiet__c', 'x', 'y');
  await connection.update(
    'Tide_Quiet__c',
    ids.map((Id) => ({ Id, Kind__c: 'Gold' })),
  ); // the same change in one call: one event
  await connection.update(
    'Tide_Quiet__c',
    ids.map((Id, index) => ({ Id, Amount__c: index })),
  ); // different ones
  const [, , both, one, two] = await listener.events(5);
  same([...header(both).recordIds].sort(), [...ids].sort());
  same(
    [header(one).recordIds, header(two).recordIds],
    ids.map((id) => [id]),
  );
  same(header(one).transactionKey, header(two).transactionKey);
  same([header(one).sequenceNumber, header(two).sequenceNumber], [1, 2]);
  listener.close();
}

export async function everythingRetained(org) {
  const connection = org.connect();
  await make(connection, 'Tide_All__c', 'a', 'b', 'c');
  const listener = await new Listener(connection, '/data/Tide_All__ChangeEvent', -2).ready();
  await listener.events(3);
  await make(connection, 'Tide_All__c', 'd');
  await listener.events(4);
  same(codes(listener), ['a', 'b', 'c', 'd']);
  listener.close();
}

export async function fromAStoredPosition(org) {
  const connection = org.connect();
  const first = await new Listener(connection, '/data/Tide_After__ChangeEvent').ready();
  await make(connection, 'Tide_After__c', 'a', 'b');
  const [a] = await first.events(2);
  first.close();
  await make(connection, 'Tide_After__c', 'c');
  const second = await new Listener(connection, '/data/Tide_After__ChangeEvent', a.event.replayId).ready();
  await make(connection, 'Tide_After__c', 'd');
  await second.events(3);
  same(codes(second), ['b', 'c', 'd']);
  second.close();
  const all = await new Listener(connection, ALL, a.event.replayId).ready();
  await all.events(3);
  same(codes(all).slice(0, 3), ['b', 'c', 'd']);
  all.close();
}

export async function fromAnExpiredPosition(org) {
  const connection = org.connect();
  const first = await new Listener(connection, '/data/Tide_Expired__ChangeEvent').ready();
  await make(connection, 'Tide_Expired__c', 'a', 'b');
  const [a] = await first.events(2);
  first.close();
  await org.control('POST', 'replay/expire', { keep: 1 });
  const error = await refusal(new Listener(connection, '/data/Tide_Expired__ChangeEvent', a.event.replayId));
  same(
    error.message,
    `400::The replayId {${a.event.replayId}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.`,
  );
  const again = await new Listener(connection, '/data/Tide_Expired__ChangeEvent', -2).ready();
  await again.events(1);
  same(codes(again), ['b']);
  again.close();
  await org.control('POST', 'replay/expire', { reset: true });
  await make(connection, 'Tide_Expired__c', 'c');
  const [b] = again.heard;
  const reset = await refusal(new Listener(connection, '/data/Tide_Expired__ChangeEvent', b.event.replayId));
  fits(reset.message, /^400::The replayId/);
}

export async function afterItsSessionIsLost(org) {
  const connection = org.connect();
  const listener = await new Listener(connection, '/data/Tide_Lost__ChangeEvent', -1).ready();
  await make(connection, 'Tide_Lost__c', 'a');
  await listener.events(1);
  const { dropped } = await org.control('POST', 'stream/drop-sessions');
  holds(dropped >= 1, 'a session was there to lose');
  await make(connection, 'Tide_Lost__c', 'b', 'c'); // it shakes hands again and goes on behind what it heard last
  await listener.events(3);
  await org.control('POST', 'stream/drop-sessions');
  await make(connection, 'Tide_Lost__c', 'd');
  await listener.events(4);
  same(codes(listener), ['a', 'b', 'c', 'd']);
  listener.close();
}

export async function unsubscribed(org) {
  const connection = org.connect();
  const listener = await new Listener(connection, '/data/Tide_Quiet__ChangeEvent').ready();
  await make(connection, 'Tide_Quiet__c', 'a');
  await listener.events(1);
  const confirmed = new Promise((resolve) => {
    const incoming = (message, pass) => {
      if (message.channel === '/meta/unsubscribe') resolve(message);
      pass(message);
    };
    listener.client.addExtension({ incoming });
  });
  const second = listener.client.subscribe('/data/Ledger__ChangeEvent', (data) => listener.take(data)); // one client, two channels
  await new Promise((resolve, reject) => second.then(resolve, reject));
  listener.subscription.cancel();
  has(await confirmed, { successful: true, subscription: '/data/Tide_Quiet__ChangeEvent' });
  await make(connection, 'Tide_Quiet__c', 'unheard');
  await make(connection, 'Ledger__c', 'heard');
  await listener.events(2);
  same(codes(listener), ['a', 'heard']);
  listener.close();
}

export async function refusedSubscriptions(org) {
  const connection = org.connect();
  const misspelt = await refusal(new Listener(connection, '/data/Nothing__ChangeEvent'));
  same(
    misspelt.message,
    "400::The channel you requested to subscribe to doesn't exist {/data/Nothing__ChangeEvent}",
  );
  await org.control('POST', 'permissions', { object: 'Tide_Closed__c', view_all: false });
  const closed = await refusal(new Listener(connection, '/data/Tide_Closed__ChangeEvent'));
  same(closed.code, 403);
  const all = await new Listener(connection, ALL).ready(); // here the org is silent about what may not be seen
  await make(connection, 'Tide_Closed__c', 'hidden');
  await make(connection, 'Ledger__c', 'seen');
  await all.events(1);
  same(codes(all), ['seen']);
  all.close();
}

export async function customChannel(org) {
  const connection = org.connect();
  const listener = await new Listener(connection, '/data/Rich__chn').ready();
  const [id] = await make(connection, 'Ledger__c', 'rich');
  await connection.sobject('Ledger__c').update({ Id: id, Amount__c: 1 });
  await connection.sobject('Ledger__c').destroy(id);
  const [, changed, gone] = await listener.events(3);
  same(changed.payload.Code__c, 'rich', 'the channel adds the key to events');
  holds(!header(changed).changedFields.includes('Code__c'), 'which did not change');
  same(gone.payload.Code__c, 'rich');
  listener.close();
}

export async function wrongToken(org) {
  const listener = new Listener(org.connect({ accessToken: '00D!wrong' }), ALL);
  const message = await listener.end();
  has(message, { channel: '/meta/handshake', successful: false, error: '403::Handshake denied' });
  same(message.ext.sfdc.failureReason, '401::Authentication invalid');
}

export async function tokenEndsWhileConnected(org) {
  const connection = await org.login();
  const listener = await new Listener(connection, '/data/Tide_Token__ChangeEvent', -1).ready();
  await make(connection, 'Tide_Token__c', 'a');
  const [a] = await listener.events(1);
  await connection.oauth2.revokeToken(connection.accessToken);
  await make(org.connect(), 'Tide_Token__c', 'b'); // wakes the parked connect, if the end of the token did not
  const message = await listener.end();
  has(message, { channel: '/meta/connect', successful: false, error: '401::Authentication invalid' });
  same(message.advice.reconnect, 'none');
  const again = await new Listener(
    await org.login(),
    '/data/Tide_Token__ChangeEvent',
    a.event.replayId,
  ).ready();
  await again.events(1);
  same(codes(again), ['b']);
  again.close();
}

export async function byAddress(org) {
  const address = org.url.replace('localhost', '127.0.0.1');
  const connection = org.stranger(org.app({ loginUrl: address }));
  await connection.login(org.facts.username, 'secret');
  same(connection.instanceUrl, address, 'the org goes by the name that the client called');
  const listener = await new Listener(connection, '/data/Ledger__ChangeEvent').ready(); // with its cookie
  await make(connection, 'Ledger__c', 'by address');
  await listener.events(1);
  same(codes(listener), ['by address']);
  listener.close();
}
