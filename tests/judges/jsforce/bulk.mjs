// Bulk API 2.0: jobs that load rows, and jobs that read them.
import { Readable } from 'node:stream';

import { fits, has, holds, refused, same } from './checks.mjs';

const FAST = { pollInterval: 10, pollTimeout: 20000 };

/** The records of a query job, which come as a stream. */
async function rows(connection, soql, options = {}) {
  return (await connection.bulk2.query(soql, { ...FAST, ...options })).toArray();
}

/** Load rows and give the three results. */
async function load(connection, operation, input, options = {}) {
  return connection.bulk2.loadAndWaitForResults({ object: 'Bulk__c', operation, input, ...FAST, ...options });
}

const byCode = (one, two) => (one.Code__c < two.Code__c ? -1 : 1);

export async function insertAndRead(org) {
  const connection = org.connect();
  const note = 'several\nlines, "quoted"; ünï';
  const input = Array.from({ length: 450 }, (_, index) => ({
    Code__c: `in-${index}`,
    Amount__c: index + 0.5,
    Active__c: index % 2 === 0,
    Note__c: note,
  }));
  const { successfulResults, failedResults, unprocessedRecords } = await load(connection, 'insert', input);
  same([successfulResults.length, failedResults, unprocessedRecords], [450, [], []]);
  for (const row of successfulResults)
    same([row.sf__Created, row.sf__Id.length, row.Note__c], ['true', 18, note]);
  same(new Set(successfulResults.map((row) => row.Code__c)).size, 450);

  const found = await rows(
    connection,
    "SELECT Id, Code__c, Amount__c, Active__c, Note__c, Due__c, Owner.Username FROM Bulk__c WHERE Code__c LIKE 'in-%'",
  );
  same(found.length, 450);
  const [first] = found.filter((row) => row.Code__c === 'in-0');
  same(
    { ...first, Id: undefined },
    {
      Id: undefined,
      Code__c: 'in-0',
      Amount__c: '0.5',
      Active__c: 'true',
      Note__c: note,
      Due__c: '',
      'Owner.Username': org.facts.username,
    },
  );
}

export async function insertWithFailures(org) {
  const connection = org.connect();
  const input = [
    { Code__c: 'bad-1', Kind__c: 'Gold' }, // the first one's fields become the columns
    { Code__c: 'bad-2', Kind__c: 'Tin' },
    { Code__c: 'bad-1', Kind__c: 'Gold' },
    { Code__c: 'x'.repeat(41), Kind__c: 'Gold' },
  ];
  const { successfulResults, failedResults } = await load(connection, 'insert', input);
  same(
    successfulResults.map((row) => row.Code__c),
    ['bad-1'],
  );
  same(failedResults.length, 3);
  const error = Object.fromEntries(failedResults.map((row) => [row.Code__c, row.sf__Error]));
  fits(error['bad-2'], /^INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:/);
  fits(error['bad-1'], /^DUPLICATE_VALUE:/);
  fits(error['x'.repeat(41)], /^STRING_TOO_LONG:/);
  same(
    failedResults.map((row) => row.sf__Id),
    ['', '', ''],
  );
}

export async function updateClearsAndKeeps(org) {
  const connection = org.connect();
  const { successfulResults: made } = await load(connection, 'insert', [
    { Code__c: 'upd-1', Amount__c: 1, Note__c: 'n', Due__c: '2026-11-22', Active__c: true },
    { Code__c: 'upd-2', Amount__c: 2, Note__c: 'n', Due__c: '2026-11-22', Active__c: true },
  ]);
  const [one, two] = made.sort(byCode).map((row) => row.sf__Id);
  const { successfulResults, failedResults } = await load(connection, 'update', [
    { Id: one, Amount__c: null, Note__c: 'new', Active__c: false }, // null goes as #N/A
    { Id: two, Amount__c: 22, Note__c: '', Active__c: true }, // an empty cell changes nothing
    { Id: 'a00000000000001AAA', Amount__c: 3, Note__c: 'lost', Active__c: true },
  ]);
  same(
    successfulResults.map((row) => row.sf__Created),
    ['false', 'false'],
  );
  same(failedResults.length, 1);
  const found = (
    await rows(
      connection,
      "SELECT Code__c, Amount__c, Note__c, Active__c, Due__c FROM Bulk__c WHERE Code__c LIKE 'upd-%'",
    )
  ).sort(byCode);
  same(found, [
    { Code__c: 'upd-1', Amount__c: '', Note__c: 'new', Active__c: 'false', Due__c: '2026-11-22' },
    {
      Code__c: 'upd-2',
      Amount__c: found[1].Amount__c,
      Note__c: 'n',
      Active__c: 'true',
      Due__c: '2026-11-22',
    },
  ]);
  same(Number(found[1].Amount__c), 22);
}

export async function upsertRows(org) {
  const connection = org.connect();
  await connection.create('Account', { Name: 'Parent', Ext_Id__c: 'bulk-parent' });
  await load(connection, 'insert', [{ Code__c: 'ups-1' }]);
  const options = { externalIdFieldName: 'Code__c' };
  const { successfulResults } = await load(
    connection,
    'upsert',
    'Code__c,Amount__c,Account__r.Ext_Id__c\nups-1,1,bulk-parent\nups-2,2,bulk-parent\n',
    options,
  );
  same(
    successfulResults.sort(byCode).map((row) => [row.Code__c, row.sf__Created]),
    [
      ['ups-1', 'false'],
      ['ups-2', 'true'],
    ],
  );
  const found = await connection
    .sobject('Bulk__c')
    .find({ Code__c: { $like: 'ups-%' } }, 'Code__c, Account__r.Name');
  same(
    found.map((row) => row.Account__r.Name),
    ['Parent', 'Parent'],
  );
  const { failedResults } = await load(
    connection,
    'upsert',
    'Code__c,Account__r.Ext_Id__c\nups-3,nobody\n',
    options,
  );
  fits(failedResults[0].sf__Error, /^INVALID_FIELD:|^INVALID_CROSS_REFERENCE_KEY:/);
}

export async function deleteRows(org) {
  const connection = org.connect();
  const { successfulResults: made } = await load(connection, 'insert', [
    { Code__c: 'del-1' },
    { Code__c: 'del-2' },
    { Code__c: 'del-3' },
  ]);
  const [one, two, three] = made.sort(byCode).map((row) => row.sf__Id);
  const { successfulResults, failedResults } = await load(connection, 'delete', [
    { Id: one },
    { Id: 'a00000000000001AAA' },
  ]);
  same([successfulResults.map((row) => row.sf__Id), failedResults.length], [[one], 1]);
  await load(connection, 'hardDelete', [{ Id: two }]);
  const soql = "SELECT Id, IsDeleted FROM Bulk__c WHERE Code__c LIKE 'del-%'";
  same(await rows(connection, soql), [{ Id: three, IsDeleted: 'false' }]);
  const all = await rows(connection, soql, { scanAll: true });
  same(Object.fromEntries(all.map((row) => [row.Id, row.IsDeleted])), { [one]: 'true', [three]: 'false' });
}

export async function stepByStep(org) {
  const { bulk2 } = org.connect();
  const job = bulk2.createJob({
    object: 'Bulk__c',
    operation: 'insert',
    lineEnding: 'CRLF',
    columnDelimiter: 'SEMICOLON',
  });
  const opened = await job.open();
  has(opened, { state: 'Open', object: 'Bulk__c', operation: 'insert', contentType: 'CSV', apiVersion: 67 });
  has(opened, { lineEnding: 'CRLF', columnDelimiter: 'SEMICOLON', concurrencyMode: 'Parallel' });
  same(opened.contentUrl, `services/data/v67.0/jobs/ingest/${job.id}/batches`);
  await job.uploadData(Readable.from(['Code__c;Amount__c\r\n', 'step-1;1\r\n', 'step-2;no number\r\n']));
  await job.close();
  same(job.getInfo().state, 'UploadComplete');
  await job.poll(10, 20000);
  const info = await job.check();
  has(info, { state: 'JobComplete', numberRecordsProcessed: 2, numberRecordsFailed: 1, jobType: 'V2Ingest' });
  fits(await job.getSuccessfulResults(true), /^"?sf__Id"?;"?sf__Created"?;"?Code__c"?;"?Amount__c"?\r\n/);
  const again = bulk2.job('ingest', { id: job.id });
  same((await again.check()).state, 'JobComplete');
  await again.delete();
  await refused(again.check(), 'NOT_FOUND');
}

export async function failedJob(org) {
  const connection = org.connect();
  const job = connection.bulk2.createJob({ object: 'Bulk__c', operation: 'insert' });
  await job.open();
  await job.uploadData('Code__c,Nope__c\nfail-1,x\n');
  await job.close();
  const failure = await job.poll(10, 20000).catch((error) => error);
  fits(failure.message, /^Ingest job failed to complete due to: InvalidBatch : .*Nope__c/);
  same(
    (await job.getUnprocessedRecords()).map((row) => row.Code__c),
    ['fail-1'],
  );
  same([await job.getSuccessfulResults(), await job.getFailedResults()], [[], []]);

  const aborted = connection.bulk2.createJob({ object: 'Bulk__c', operation: 'delete' });
  await aborted.open();
  await aborted.abort();
  same((await aborted.check()).state, 'Aborted');
  const late = await aborted.poll(10, 1000).catch((error) => error);
  same(late.message, 'Job has been aborted');
  holds(
    await connection.bulk2
      .createJob({ object: 'Nothing__c', operation: 'insert' })
      .open()
      .catch((error) => error.errorCode),
    'no such object',
  );
  holds(
    await connection.bulk2
      .createJob({ object: 'Bulk__c', operation: 'upsert' })
      .open()
      .catch((error) => error.errorCode),
    'an upsert needs a key',
  );
}

export async function queryJobs(org) {
  const connection = org.connect();
  const found = await rows(connection, 'SELECT Id, LastName FROM Lead');
  same(new Set(found.map((row) => row.Id)).size, 4100);
  same(await rows(connection, "SELECT Id FROM Lead WHERE LastName = 'nobody at all'"), []);
  const failure = await rows(connection, 'SELECT Nope FROM Lead').catch((error) => error);
  same(failure.errorCode, 'INVALID_FIELD');
  await refused(rows(connection, 'SELECT MailingAddress FROM Contact'), 'INVALID_FIELD');
  const piped = await rows(connection, 'SELECT Id, LastName FROM Lead LIMIT 3', { lineEnding: 'CRLF' });
  same(
    piped.map((row) => Object.keys(row)),
    Array(3).fill(['Id', 'LastName']),
  );
}

export async function queryJobStepByStep(org) {
  const { QueryJobV2 } = await import('jsforce/lib/api/bulk2.js');
  const connection = org.connect();
  const job = new QueryJobV2(connection, {
    bodyParams: { query: 'SELECT Id FROM Lead LIMIT 2', operation: 'query' },
    pollingOptions: FAST,
  });
  const seen = [];
  job
    .on('open', (info) => seen.push(info.state))
    .on('inProgress', (info) => seen.push(info.state))
    .on('jobComplete', (info) => seen.push(info.state));
  has(await job.open(), {
    operation: 'query',
    object: 'Lead',
    contentType: 'CSV',
    concurrencyMode: 'Parallel',
  });
  await job.poll();
  same([seen[0], seen.at(-1)], ['UploadComplete', 'JobComplete']);
  has(job.getInfo(), { state: 'JobComplete', numberRecordsProcessed: 2, isPkChunkingSupported: true });
  const again = connection.bulk2.job('query', { id: job.id });
  same((await (await again.result()).toArray()).length, 2);
  await again.delete();
  await refused(again.check(), 'NOT_FOUND');
  const aborted = new QueryJobV2(connection, {
    bodyParams: { query: 'SELECT Id FROM Lead', operation: 'queryAll' },
    pollingOptions: FAST,
  });
  await aborted.open();
  same((await aborted.abort()).state, 'Aborted');
}
