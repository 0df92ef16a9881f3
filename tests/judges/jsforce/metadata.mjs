// The Metadata API: the org's lead field mapping, and who may not read it.
import { has, holds, refused, same } from './checks.mjs';

const TYPE = 'LeadConvertSettings';

export async function leadFieldMapping(org) {
  const connection = org.connect();
  await org.control('POST', 'lead-mapping', {
    Account: { Ext_Id__c: 'Ext_Id__c' },
    Contact: { Ext_Id__c: 'Ext_Id__c', Note__c: 'Remark__c' },
  });
  const settings = await connection.metadata.read(TYPE, TYPE);
  has(settings, { fullName: TYPE, allowOwnerChange: true });
  same(settings.objectMapping, [
    {
      inputObject: 'Lead',
      mappingFields: [{ inputField: 'Ext_Id__c', outputField: 'Ext_Id__c' }],
      outputObject: 'Account',
    },
    {
      inputObject: 'Lead',
      mappingFields: [
        { inputField: 'Ext_Id__c', outputField: 'Ext_Id__c' },
        { inputField: 'Note__c', outputField: 'Remark__c' },
      ],
      outputObject: 'Contact',
    },
  ]);

  await org.control('POST', 'lead-mapping', {});
  same((await connection.metadata.read(TYPE, TYPE)).objectMapping, []);
  const several = await connection.metadata.read(TYPE, [TYPE, 'Nothing']);
  same([several.length, several[0].fullName, several[1].fullName], [2, TYPE, undefined]);
}

export async function whatIsRefused(org) {
  const connection = org.connect();
  const withheld = { permission: 'ModifyMetadata', user: org.facts.username };
  await org.control('POST', 'permissions', { ...withheld, granted: false });
  try {
    const error = await refused(connection.metadata.read(TYPE, TYPE), 'sf:INSUFFICIENT_ACCESS');
    holds(error.message.includes('ModifyMetadata'), error.message);
  } finally {
    await org.control('POST', 'permissions', { ...withheld, granted: true });
  }
  const names = Array.from({ length: 11 }, () => TYPE);
  await refused(connection.metadata.read(TYPE, names), 'sf:EXCEEDED_ID_LIMIT');
  await refused(org.connect({ accessToken: 'nonsense' }).metadata.read(TYPE, TYPE), 'sf:INVALID_SESSION_ID');
}

export async function aSessionThatEnds(org) {
  const { access_token } = await org.control('POST', 'tokens/issue', {});
  let renewed = 0;
  const connection = org.connect({
    accessToken: 'ended',
    refreshFn: (_, give) => {
      renewed += 1;
      give(null, access_token);
    },
  });
  same((await connection.metadata.read(TYPE, TYPE)).fullName, TYPE); // it knows the fault, and logs in anew
  same(renewed, 1);
}
