// Records over REST: one, many, found, described, and refused.
import { setTimeout as pause } from 'node:timers/promises';

import jsforce from 'jsforce';

import { fits, has, holds, refused, same } from './checks.mjs';

/** Codes that begin with a word. */
function codes(word, count) {
  return Array.from({ length: count }, (_, index) => `${word}-${index}`);
}

/** An account made by a request, and its id. */
async function account(connection, values) {
  const made = await connection.sobject('Account').create(values);
  same(made.success, true);
  return made.id;
}

export async function oneRecord(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  const made = await ledgers.create({
    Code__c: 'one',
    Amount__c: 12.5,
    Active__c: true,
    Due__c: '2026-11-22',
    Kind__c: 'Gold',
  });
  fits(made.id, /^a\w{17}$/);
  same(made, { id: made.id, success: true, errors: [] });
  const read = await ledgers.retrieve(made.id);
  has(read, {
    Id: made.id,
    Code__c: 'one',
    Amount__c: 12.5,
    Active__c: true,
    Due__c: '2026-11-22',
    Kind__c: 'Gold',
    Note__c: null,
  });
  same(read.attributes, { type: 'Ledger__c', url: `/services/data/v67.0/sobjects/Ledger__c/${made.id}` });
  fits(read.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);

  const changed = await ledgers.update({
    Id: made.id,
    Amount__c: null,
    Seen__c: '2026-11-22T14:00:00+01:00',
  });
  same(changed, { id: made.id, success: true, errors: [] });
  const some = await ledgers.retrieve(made.id, { fields: ['Amount__c', 'Seen__c', 'Active__c'] });
  same(
    { ...some, attributes: undefined },
    {
      attributes: undefined,
      Amount__c: null,
      Seen__c: '2026-11-22T13:00:00.000+0000',
      Active__c: true,
    },
  );
  has(await ledgers.retrieve(made.id.slice(0, 15)), { Id: made.id }); // 15 characters name the record too

  const record = ledgers.record(made.id);
  await record.update({ Note__c: 'several\nlines "quoted" ünï' });
  has(await record.retrieve(), { Note__c: 'several\nlines "quoted" ünï' });
  same(await record.destroy(), { id: made.id, success: true, errors: [] });
  const gone = await refused(ledgers.retrieve(made.id), 'ENTITY_IS_DELETED');
  same(gone.data.errorCode, 'ENTITY_IS_DELETED');
  await refused(ledgers.destroy(made.id), 'ENTITY_IS_DELETED');
}

export async function upsertOne(org) {
  const accounts = org.connect().sobject('Account');
  const made = await accounts.upsert({ Ext_Id__c: 'up-1', Name: 'Cobalt' }, 'Ext_Id__c');
  same(made, { id: made.id, success: true, errors: [], created: true });
  const changed = await accounts.upsert({ Ext_Id__c: 'up-1', Site: 'Lisbon' }, 'Ext_Id__c');
  same(changed, { id: made.id, success: true, errors: [], created: false });
  has(await accounts.retrieve(made.id), { Name: 'Cobalt', Site: 'Lisbon', Ext_Id__c: 'up-1' });

  const old = org.connect({ version: '45.0' }).sobject('Account');
  same(await old.upsert({ Ext_Id__c: 'up-1', Site: 'Porto' }, 'Ext_Id__c'), { success: true, errors: [] }); // 204
  has(await accounts.retrieve(made.id), { Site: 'Porto' });
  has(await org.connect().requestGet('/sobjects/Account/Ext_Id__c/up-1'), { Id: made.id });
}

export async function upsertOfSeveral(org) {
  const connection = org.connect();
  const ids = [
    await account(connection, { Name: 'A', Legacy__c: 'both' }),
    await account(connection, { Name: 'B', Legacy__c: 'both' }),
  ];
  const error = await refused(
    connection.sobject('Account').upsert({ Legacy__c: 'both', Name: 'C' }, 'Legacy__c'),
    'MULTIPLE_CHOICES',
  );
  same([...error.data].sort(), ids.map((id) => `/services/data/v67.0/sobjects/Account/${id}`).sort());
  same(await connection.sobject('Account').count({ Name: 'C' }), 0);
  const [many] = await connection.sobject('Account').upsert([{ Legacy__c: 'both', Name: 'C' }], 'Legacy__c');
  same([many.success, many.errors[0].statusCode], [false, 'DUPLICATE_EXTERNAL_ID']);
}

export async function manyRecords(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  const made = await ledgers.create(codes('many', 5).map((code) => ({ Code__c: code })));
  same(
    made.map((one) => [one.success, one.errors]),
    Array(5).fill([true, []]),
  );
  const ids = made.map((one) => one.id);
  const changed = await ledgers.update(ids.map((Id, index) => ({ Id, Amount__c: index })));
  same(
    changed.map((one) => one.id),
    ids,
  );
  const read = await ledgers.retrieve([ids[4], 'a00000000000001AAA', ids[0]], {
    fields: ['Code__c', 'Amount__c'],
  });
  same(
    read.map((one) => one && [one.Code__c, one.Amount__c]),
    [['many-4', 4], null, ['many-0', 0]],
  );
  const whole = await ledgers.retrieve(ids); // without names it asks describe for all of them
  same(
    whole.map((one) => [one.Code__c, one.IsDeleted]),
    codes('many', 5).map((code) => [code, false]),
  );

  const upserted = await ledgers.upsert(
    [{ Code__c: 'many-0', Amount__c: 9 }, { Code__c: 'many-new' }],
    'Code__c',
  );
  same(
    upserted.map((one) => [one.success, one.created]),
    [
      [true, false],
      [true, true],
    ],
  );
  same(upserted[0].id, ids[0]);
  const gone = await ledgers.destroy(ids);
  same(
    gone.map((one) => [one.id, one.success]),
    ids.map((id) => [id, true]),
  );
  same(await ledgers.retrieve(ids, { fields: ['Id'] }), Array(5).fill(null));
}

export async function moreThanOneCallTakes(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  const keys = codes('more', 450);
  holds(
    await ledgers.create(keys.map((code) => ({ Code__c: code }))).catch((error) => error.errorCode),
    'at most 200',
  );
  same(await ledgers.count({ Code__c: { $like: 'more-%' } }), 0);
  const whole = { allowRecursive: true };
  const made = await ledgers.create(
    keys.map((code) => ({ Code__c: code })),
    whole,
  );
  same([made.length, made.every((one) => one.success)], [450, true]);
  const changed = await ledgers.update(
    made.map((one, index) => ({ Id: one.id, Amount__c: index })),
    whole,
  );
  same(
    changed.map((one) => one.id),
    made.map((one) => one.id),
  );
  const upserted = await ledgers.upsert(
    keys.map((code) => ({ Code__c: code, Active__c: true })),
    'Code__c',
    whole,
  );
  same(
    upserted.map((one) => [one.id, one.created]),
    made.map((one) => [one.id, false]),
  );
  const [last] = await ledgers.find({ Code__c: 'more-449' });
  has(last, { Amount__c: 449, Active__c: true });
  const gone = await ledgers.destroy(
    made.map((one) => one.id),
    whole,
  );
  same(
    gone.every((one) => one.success),
    true,
  );
  same(await ledgers.count({ Code__c: { $like: 'more-%' } }), 0);
}

export async function whatAQueryFinds(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  await ledgers.create(codes('found', 6).map((code, index) => ({ Code__c: code, Amount__c: index })));
  const few = ledgers.find({ Code__c: { $like: 'found-%' }, Amount__c: { $lt: 3 } }, 'Id, Code__c');
  const changed = await few.update({ Note__c: 'it was ${Code__c}' }, 'Ledger__c');
  same(
    changed.map((one) => one.success),
    [true, true, true],
  );
  const viaBulk = { bulkThreshold: 0, bulkApiVersion: 2 };
  const rest = ledgers.find({ Code__c: { $like: 'found-%' }, Amount__c: { $gte: 3 } }, 'Id, Code__c');
  same((await rest.update({ Note__c: 'loaded ${Code__c}' }, 'Ledger__c', viaBulk)).length, 3);
  const notes = await ledgers.find({ Code__c: { $like: 'found-%' } }, 'Note__c').sort('Code__c');
  same(
    notes.map((one) => one.Note__c),
    codes('found', 6).map((code, index) => `${index < 3 ? 'it was' : 'loaded'} ${code}`),
  );
  same(
    (await ledgers.find({ Code__c: { $like: 'found-%' }, Amount__c: 0 }, 'Id').destroy()).map(
      (one) => one.success,
    ),
    [true],
  );
  same((await ledgers.find({ Code__c: { $like: 'found-%' } }, 'Id').destroy('Ledger__c', viaBulk)).length, 5);
  same(await ledgers.count({ Code__c: { $like: 'found-%' } }), 0);
}

export async function partialFailure(org) {
  const ledgers = org.connect().sobject('Ledger__c');
  await ledgers.create({ Code__c: 'taken' });
  const records = [
    { Code__c: 'part-1' },
    { Code__c: 'taken' },
    { Code__c: 'part-2', Kind__c: 'Lead' },
    { Code__c: 'part-3' },
  ];
  const each = await ledgers.create(records);
  same(
    each.map((one) => one.success),
    [true, false, false, true],
  );
  same(
    each.map((one) => one.errors[0]?.statusCode),
    [undefined, 'DUPLICATE_VALUE', 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST', undefined],
  );
  same(each[2].errors[0].fields, ['Kind__c']);
  holds(!('id' in each[1]), 'a record that was refused has no id');
  await ledgers.destroy([each[0].id, each[3].id]);

  const whole = await ledgers.create(records.slice(0, 2), { allOrNone: true });
  same(
    whole.map((one) => one.errors[0].statusCode),
    ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'DUPLICATE_VALUE'],
  );
  same(await ledgers.count({ Code__c: 'part-1' }), 0);
  const [missing] = await ledgers
    .destroy(['a00000000000001AAA'])
    .catch((error) => [{ errors: [{ statusCode: error.errorCode }] }]);
  holds(missing.errors[0].statusCode, 'a record that is not there is an error');
}

export async function errors(org) {
  const connection = org.connect();
  const required = await refused(
    connection.sobject('Contact').create({ FirstName: 'Ada' }),
    'REQUIRED_FIELD_MISSING',
  );
  same(required.name, 'REQUIRED_FIELD_MISSING');
  same(required.data.fields, ['LastName']);
  fits(required.message, /LastName/);
  await refused(connection.sobject('Account').retrieve('001000000000001AAA'), 'NOT_FOUND');
  await refused(connection.sobject('Nothing__c').create({ Name: 'x' }), 'NOT_FOUND');
  await refused(connection.query('SELECT Nope FROM Account'), 'INVALID_FIELD');
  await refused(connection.query('SELECT Id FROM Nothing__c'), 'INVALID_TYPE');
  await refused(connection.query('SELECT FROM Account'), 'MALFORMED_QUERY');
  await refused(connection.queryMore('01g000000000001AAA-2000'), 'INVALID_QUERY_LOCATOR');
  await refused(connection.sobject('Ledger__c').create({ Nope__c: 1 }), 'INVALID_FIELD');
  await refused(connection.sobject('Ledger__c').create({ Due__c: 'soon' }), 'JSON_PARSER_ERROR');
  await refused(connection.sobject('Ledger__c').create({ Code__c: 'x'.repeat(41) }), 'STRING_TOO_LONG');
  await refused(
    connection.sobject('Contact').create({ LastName: 'A', Email: 'no address' }),
    'INVALID_EMAIL_ADDRESS',
  );
  await refused(connection.requestGet('/no/such/resource'), 'NOT_FOUND');
  const endless = await connection
    .sobject('Account')
    .find({ Name: { $in: codes('long', 2000) } })
    .catch((error) => error);
  fits(endless.errorCode, /414|URI_TOO_LONG|431/);
  await refused(
    connection.request({ method: 'PUT', url: '/sobjects/Account', body: '{}' }),
    'METHOD_NOT_ALLOWED',
  );
  await refused(
    connection.request({
      method: 'POST',
      url: '/sobjects/Account',
      body: '{"Name":',
      headers: { 'content-type': 'application/json' },
    }),
    'JSON_PARSER_ERROR',
  );
  await refused(
    connection.request({ method: 'POST', url: '/sobjects/Account', body: '{"Name":"x"}' }),
    'UNSUPPORTED_MEDIA_TYPE',
  ); // goes as text
}

export async function duplicateRules(org) {
  const connection = org.connect();
  const contacts = connection.sobject('Contact');
  const { id } = await contacts.create({ LastName: 'Okafor', Email: 'twin@example.com' });
  const twin = { LastName: 'Okafor', Email: 'twin@example.com' };
  const rule = { object: 'Contact', fields: ['Email'], message: 'Use one of these records?' };
  const saved = { headers: { 'Sforce-Duplicate-Rule-Header': 'allowSave=true' } };
  try {
    await org.control('POST', 'duplicate-rules', { ...rule, action: 'alert' });
    const error = await refused(contacts.create(twin), 'DUPLICATES_DETECTED');
    same(error.message, 'Use one of these records?');
    const [match] = error.data.duplicateResult.matchResults[0].matchRecords;
    has(match.record, { Id: id });
    same(match.record.attributes.type, 'Contact');
    const [each] = await contacts.create([twin]);
    same(each.errors[0].statusCode, 'DUPLICATES_DETECTED');
    same((await contacts.create(twin, saved)).success, true);
    await org.control('DELETE', 'rules');
    await org.control('POST', 'duplicate-rules', { ...rule, action: 'block' });
    await refused(contacts.create(twin, saved), 'DUPLICATES_DETECTED');
  } finally {
    await org.control('DELETE', 'rules');
  }
}

export async function lockedRecords(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  const [held, free] = await ledgers.create([{ Code__c: 'lock-1' }, { Code__c: 'lock-2' }]);
  await org.control('POST', 'locks', { id: held.id, seconds: 60 });
  try {
    await refused(ledgers.update({ Id: held.id, Amount__c: 1 }), 'UNABLE_TO_LOCK_ROW');
    const both = await ledgers.update([
      { Id: held.id, Amount__c: 1 },
      { Id: free.id, Amount__c: 1 },
    ]);
    same(
      both.map((one) => [one.success, one.errors[0]?.statusCode]),
      [
        [false, 'UNABLE_TO_LOCK_ROW'],
        [true, undefined],
      ],
    );
    const { failedResults } = await connection.bulk2.loadAndWaitForResults({
      object: 'Ledger__c',
      operation: 'update',
      input: [{ Id: held.id, Amount__c: 1 }],
      pollInterval: 10,
    });
    fits(failedResults[0].sf__Error, /^UNABLE_TO_LOCK_ROW:/);
  } finally {
    await org.control('DELETE', 'locks');
  }
  same((await ledgers.update({ Id: held.id, Amount__c: 1 })).success, true);
}

export async function hiddenField(org) {
  const connection = org.connect();
  const { id } = await connection.sobject('Contact').create({ LastName: 'Hidden' });
  await org.control('POST', 'permissions', { object: 'Contact', field: 'Fax', readable: false });
  try {
    const described = await connection.describe('Contact');
    holds(!described.fields.some((field) => field.name === 'Fax'), 'describe leaves it out');
    await refused(connection.query('SELECT Fax FROM Contact'), 'INVALID_FIELD');
    holds(!('Fax' in (await connection.sobject('Contact').retrieve(id))), 'and so do records');
  } finally {
    await org.control('POST', 'permissions', { object: 'Contact', field: 'Fax', readable: true });
  }
  has(await connection.sobject('Contact').retrieve(id), { Fax: null });
}

export async function conditionalUpdate(org) {
  const connection = org.connect();
  const id = await account(connection, { Name: 'Guarded' });
  const known = Date.parse((await connection.sobject('Account').retrieve(id)).LastModifiedDate);
  const headers = (seconds) => ({ 'If-Unmodified-Since': new Date(known + seconds * 1000).toUTCString() });
  await connection.sobject('Account').update({ Id: id, Site: 'agreed' }, { headers: headers(0) });
  await refused(
    connection.sobject('Account').update({ Id: id, Site: 'too late' }, { headers: headers(-60) }),
    'ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE',
  );
  has(await connection.sobject('Account').retrieve(id), { Site: 'agreed' });
}

export async function pages(org) {
  const connection = org.connect();
  const first = await connection.query('SELECT Id, LastName FROM Lead');
  same([first.totalSize, first.done, first.records.length], [4100, false, 2000]);
  const second = await connection.queryMore(first.nextRecordsUrl);
  const third = await connection.queryMore(second.nextRecordsUrl);
  same(
    [second.records.length, third.records.length, third.done, third.nextRecordsUrl],
    [2000, 100, true, undefined],
  );
  const met = new Set([...first.records, ...second.records, ...third.records].map((lead) => lead.Id));
  same(met.size, 4100);

  const all = await connection.query('SELECT Id FROM Lead', { autoFetch: true, maxFetch: 10000 });
  same([all.totalSize, all.done, all.records.length], [4100, true, 4100]);
  const capped = await connection.query('SELECT Id FROM Lead', { autoFetch: true, maxFetch: 2500 });
  same(capped.records.length, 2500);
  const small = { headers: { 'Sforce-Query-Options': 'batchSize=200' }, autoFetch: true, maxFetch: 1000 };
  const found = await connection.sobject('Lead').find({}, ['Id']).execute(small);
  same(found.length, 1000);

  const streamed = [];
  await new Promise((resolve, reject) => {
    const query = connection.query('SELECT Id FROM Lead');
    query
      .on('record', (lead) => streamed.push(lead.Id))
      .on('end', resolve)
      .on('error', reject);
    query.run({ autoFetch: true, maxFetch: 10000 });
  });
  same(new Set(streamed).size, 4100);
  const empty = await connection.query("SELECT Id FROM Lead WHERE LastName = 'nobody at all'");
  same(empty, { totalSize: 0, done: true, records: [] });
}

export async function conditions(org) {
  const connection = org.connect();
  const parent = await account(connection, { Name: 'O\'Hara & "Sons" 100%', Ext_Id__c: 'parent' });
  const ledgers = connection.sobject('Ledger__c');
  await ledgers.create([
    {
      Code__c: 'cond-1',
      Amount__c: 1,
      Active__c: true,
      Due__c: '2026-01-01',
      Account__c: parent,
      Kind__c: 'Gold',
    },
    {
      Code__c: 'cond-2',
      Amount__c: 2,
      Active__c: false,
      Due__c: '2026-02-01',
      Seen__c: '2026-11-22T13:00:00Z',
      Kind__c: 'Silver',
    },
    { Code__c: 'cond-3', Amount__c: 3, Active__c: true, Due__c: null, Account__r: { Ext_Id__c: 'parent' } },
  ]);
  const matching = async (where) => {
    const found = await ledgers
      .find({ $and: [{ Code__c: { $like: 'cond-%' } }, where] }, 'Code__c')
      .sort('Code__c', 'DESC');
    return found.map((one) => one.Code__c);
  };
  same(await matching({ Amount__c: { $gte: 2 } }), ['cond-3', 'cond-2']);
  same(await matching({ Active__c: true }), ['cond-3', 'cond-1']);
  same(await matching({ Code__c: { $in: ['cond-1', 'cond-3', 'nope'] } }), ['cond-3', 'cond-1']);
  same(await matching({ Code__c: { $nin: ['cond-1'] } }), ['cond-3', 'cond-2']);
  same(await matching({ Due__c: null }), ['cond-3']);
  same(await matching({ Due__c: { $ne: null } }), ['cond-2', 'cond-1']);
  same(await matching({ Due__c: { $lt: new jsforce.SfDate('2026-01-15') } }), ['cond-1']);
  same(await matching({ Seen__c: jsforce.SfDate.toDateTimeLiteral('2026-11-22T13:00:00Z') }), ['cond-2']);
  same(await matching({ $or: [{ Amount__c: 1 }, { Kind__c: 'Silver' }] }), ['cond-2', 'cond-1']);
  same(await matching({ 'Account__r.Name': 'O\'Hara & "Sons" 100%' }), ['cond-3', 'cond-1']);

  same(await ledgers.count({ Code__c: { $like: 'cond-%' } }), 3);
  const middle = await ledgers
    .find({ Code__c: { $like: 'cond-%' } }, 'Code__c')
    .sort({ Code__c: 1 })
    .skip(1)
    .limit(1);
  same(
    middle.map((one) => one.Code__c),
    ['cond-2'],
  );
  const one = await ledgers.findOne(
    { Code__c: 'cond-1' },
    'Code__c, Account__r.Name, Account__r.Owner.Username',
  );
  has(one.Account__r, { Name: 'O\'Hara & "Sons" 100%' });
  same(one.Account__r.Owner.Username, org.facts.username);
  same((await ledgers.findOne({ Code__c: 'cond-2' }, 'Account__r.Name')).Account__r, null);
  same(await ledgers.findOne({ Code__c: 'nothing like it' }), null);
  const [family] = await connection
    .sobject('Account')
    .select('Id, Name')
    .where({ Id: parent })
    .include('Ledgers__r')
    .select('Code__c')
    .orderby('Code__c', 'ASC')
    .end();
  same(
    [family.Ledgers__r.totalSize, family.Ledgers__r.records.map((child) => child.Code__c)],
    [2, ['cond-1', 'cond-3']],
  );
  const stars = await ledgers.find({ Code__c: 'cond-1' }, '*');
  holds(
    'SystemModstamp' in stars[0] && 'Note__c' in stars[0],
    'an asterisk stands for every field of describe',
  );
  const {
    records: [sum],
  } = await connection.query(
    "SELECT COUNT(Id) many, MAX(Amount__c) most FROM Ledger__c WHERE Code__c LIKE 'cond-%'",
  );
  has(sum, { many: 3, most: 3 });
}

export async function deletedRows(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  const [gone, stays] = await ledgers.create([{ Code__c: 'bin-1' }, { Code__c: 'bin-2' }]);
  await ledgers.destroy(gone.id);
  const soql = "SELECT Id, IsDeleted FROM Ledger__c WHERE Code__c LIKE 'bin-%' ORDER BY Code__c";
  same(
    (await connection.query(soql)).records.map((one) => one.Id),
    [stays.id],
  );
  const all = await connection.query(soql, { scanAll: true });
  same(
    all.records.map((one) => [one.Id, one.IsDeleted]),
    [
      [gone.id, true],
      [stays.id, false],
    ],
  );
  same((await ledgers.find({ Code__c: { $like: 'bin-%' } }, 'Id').scanAll(true)).length, 2);
  const pages = await connection.query('SELECT Id FROM Lead', {
    scanAll: true,
    autoFetch: true,
    maxFetch: 10000,
  });
  same(pages.records.length, 4100); // it fetches the pages of queryAll under /query/
}

export async function descriptions(org) {
  const connection = org.connect();
  const global = await connection.describeGlobal();
  const names = global.sobjects.map((one) => one.name);
  for (const name of ['Account', 'Contact', 'Lead', 'Ledger__c', 'User']) holds(names.includes(name), name);
  same(global.maxBatchSize, 200);
  const ledger = await connection.describe('Ledger__c');
  has(ledger, {
    name: 'Ledger__c',
    custom: true,
    createable: true,
    queryable: true,
    keyPrefix: ledger.keyPrefix,
  });
  fits(ledger.keyPrefix, /^a\w\w$/);
  same(ledger.urls.sobject, '/services/data/v67.0/sobjects/Ledger__c');
  const field = Object.fromEntries(ledger.fields.map((one) => [one.name, one]));
  has(field.Code__c, {
    type: 'string',
    length: 40,
    externalId: true,
    unique: true,
    idLookup: true,
    nillable: true,
  });
  has(field.Amount__c, { type: 'double', precision: 16, scale: 2 });
  has(field.Active__c, { type: 'boolean', defaultedOnCreate: true });
  has(field.Due__c, { type: 'date' });
  has(field.Account__c, { type: 'reference', referenceTo: ['Account'], relationshipName: 'Account__r' });
  same(
    field.Kind__c.picklistValues.map((one) => [one.value, one.active]),
    [
      ['Gold', true],
      ['Silver', true],
    ],
  );
  same([field.Kind__c.restrictedPicklist, field.CreatedDate.updateable], [true, false]);
  const parent = await connection.sobject('Account').describe$();
  holds(
    parent.childRelationships.some(
      (one) => one.childSObject === 'Ledger__c' && one.relationshipName === 'Ledgers__r',
    ),
    'children',
  );
  has(Object.fromEntries(parent.fields.map((one) => [one.name, one])).BillingCity, {
    compoundFieldName: 'BillingAddress',
  });
  same(await connection.describe$('Account'), parent); // from its cache
  await refused(connection.describe('Nothing__c'), 'NOT_FOUND');
}

export async function limits(org) {
  const connection = org.connect();
  await connection.describe('Account');
  const { used, limit } = connection.limitInfo.apiUsage;
  holds(used > 0 && limit >= used, 'the header was read');
  await connection.describe('Account');
  same(connection.limitInfo.apiUsage.used, used + 1);
  const all = await connection.limits();
  for (const name of [
    'DailyApiRequests',
    'DailyBulkApiBatches',
    'DailyBulkV2QueryJobs',
    'DailyDeliveredPlatformEvents',
    'DataStorageMB',
  ]) {
    holds(all[name].Max >= all[name].Remaining, name);
  }
  await org.control('POST', 'switches', { limit_info_per_app: true });
  try {
    await connection.describe('Account');
    same(connection.limitInfo.apiUsage.limit, limit); // the long form of the header
  } finally {
    await org.control('POST', 'switches', { limit_info_per_app: false });
  }
  const versions = await connection.request('/services/data');
  holds(
    versions.some((one) => one.version === '67.0' && one.url === '/services/data/v67.0'),
    'the version that is used',
  );
  fits((await connection.request('/'))?.sobjects ?? (await connection.request('')).sobjects, /\/sobjects$/);
}

export async function composite(org) {
  const connection = org.connect();
  const base = '/services/data/v67.0';
  const answer = await connection.requestPost('/composite', {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'parent', body: { Name: 'Composed' } },
      {
        method: 'POST',
        url: `${base}/sobjects/Ledger__c`,
        referenceId: 'child',
        body: { Code__c: 'comp', Account__c: '@{parent.id}' },
      },
      {
        method: 'GET',
        url: `${base}/query?q=SELECT+Account__r.Name+FROM+Ledger__c+WHERE+Id='@{child.id}'`,
        referenceId: 'read',
      },
      {
        method: 'PATCH',
        url: `${base}/sobjects/Account/@{parent.id}`,
        referenceId: 'change',
        body: { Site: 'x' },
      },
    ],
  });
  same(
    answer.compositeResponse.map((one) => [one.referenceId, one.httpStatusCode]),
    [
      ['parent', 201],
      ['child', 201],
      ['read', 200],
      ['change', 204],
    ],
  );
  same(answer.compositeResponse[2].body.records[0].Account__r.Name, 'Composed');

  const failed = await connection.requestPost('/composite', {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/Ledger__c`, referenceId: 'good', body: { Code__c: 'comp-2' } },
      { method: 'POST', url: `${base}/sobjects/Ledger__c`, referenceId: 'bad', body: { Code__c: 'comp' } },
    ],
  });
  same(
    failed.compositeResponse.map((one) => one.body[0].errorCode),
    ['PROCESSING_HALTED', 'DUPLICATE_VALUE'],
  );
  same(await connection.sobject('Ledger__c').count({ Code__c: 'comp-2' }), 0);
  const each = await connection.requestPost('/composite', {
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/Ledger__c`, referenceId: 'bad', body: { Code__c: 'comp' } },
      { method: 'POST', url: `${base}/sobjects/Ledger__c`, referenceId: 'good', body: { Code__c: 'comp-3' } },
    ],
  });
  same(
    each.compositeResponse.map((one) => one.httpStatusCode),
    [400, 201],
  );
  const many = Array.from({ length: 26 }, (_, index) => ({
    method: 'GET',
    url: `${base}/limits`,
    referenceId: `r${index}`,
  }));
  holds(
    await connection.requestPost('/composite', { compositeRequest: many }).catch((error) => error.errorCode),
    'at most 25',
  );

  const graphs = await connection.requestPost('/composite/graph', {
    graphs: [
      {
        graphId: 'a',
        compositeRequest: [
          { method: 'POST', url: `${base}/sobjects/Ledger__c`, referenceId: 'x', body: { Code__c: 'graph' } },
        ],
      },
      {
        graphId: 'b',
        compositeRequest: [
          { method: 'POST', url: `${base}/sobjects/Ledger__c`, referenceId: 'x', body: { Code__c: 'graph' } },
        ],
      },
    ],
  });
  same(
    graphs.graphs.map((one) => [one.graphId, one.isSuccessful]),
    [
      ['a', true],
      ['b', false],
    ],
  );
}

export async function replication(org) {
  const connection = org.connect();
  const ledgers = connection.sobject('Ledger__c');
  const [gone, stays] = await ledgers.create([{ Code__c: 'repl-1' }, { Code__c: 'repl-2' }]);
  await ledgers.destroy(gone.id);
  const { now } = await org.control('POST', 'clock', { advance: 120 }); // answers cover whole minutes that are over
  const end = new Date(now);
  const start = new Date(end.getTime() - 3600 * 1000);
  const updated = await ledgers.updated(start, end);
  holds(updated.ids.includes(stays.id) && !updated.ids.includes(gone.id), JSON.stringify(updated));
  holds(new Date(updated.latestDateCovered) <= end, updated.latestDateCovered);
  const deleted = await ledgers.deleted(start.toISOString(), end.toISOString());
  const found = deleted.deletedRecords.filter((one) => one.id === gone.id);
  same(found.length, 1);
  holds(new Date(found[0].deletedDate) > start, found[0].deletedDate);
  holds(new Date(deleted.earliestDateAvailable) < start, deleted.earliestDateAvailable);
  await refused(ledgers.updated(end, start), 'INVALID_REPLICATION_DATE');
  await refused(
    ledgers.deleted(new Date(end.getTime() - 20 * 86400 * 1000), end),
    'INVALID_REPLICATION_DATE',
  );
}

export async function brokenAnswers(org) {
  const connection = org.connect();
  const fault = (body) =>
    org.control('POST', 'faults', { action: 'answer', path: '/sobjects/Ledger__c', times: 1, ...body });
  await fault({ method: 'GET', status: 503, body: '<html>maintenance</html>', content_type: 'text/html' });
  has(await connection.describe('Ledger__c'), { name: 'Ledger__c' }); // it repeats a GET by itself
  await fault({ method: 'POST', status: 503, body: '<html>maintenance</html>', content_type: 'text/html' });
  const html = await refused(connection.sobject('Ledger__c').create({ Code__c: 'html' }), 'ERROR_HTTP_503');
  same(html.data, '<html>maintenance</html>');
  await fault({
    method: 'POST',
    status: 403,
    code: 'REQUEST_LIMIT_EXCEEDED',
    message: 'TotalRequests Limit exceeded.',
  });
  await refused(connection.sobject('Ledger__c').create({ Code__c: 'limit' }), 'REQUEST_LIMIT_EXCEEDED');
  await fault({
    method: 'POST',
    status: 400,
    code: 'UNABLE_TO_LOCK_ROW',
    message: 'unable to obtain exclusive access',
  });
  await refused(connection.sobject('Ledger__c').create({ Code__c: 'lock' }), 'UNABLE_TO_LOCK_ROW');
  await org.control('POST', 'faults', {
    action: 'drop_reply',
    method: 'POST',
    path: '/sobjects/Ledger__c',
    times: 1,
  });
  const lost = await connection
    .sobject('Ledger__c')
    .create({ Code__c: 'lost' })
    .catch((error) => error);
  holds(lost instanceof Error, 'the connection was cut');
  await pause(0);
  same(await connection.sobject('Ledger__c').count({ Code__c: 'lost' }), 1, 'but the work was done');
}

export async function selectedEntities(org) {
  const { records } = await org
    .connect()
    .tooling.query('SELECT SelectedEntity FROM PlatformEventChannelMember');
  const names = records.map((one) => one.SelectedEntity);
  holds(names.includes('AccountChangeEvent') && names.includes('Ledger__ChangeEvent'), names.join());
}
