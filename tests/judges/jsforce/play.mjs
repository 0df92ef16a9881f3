// One scenario: `node play.mjs MODULE SCENARIO`, with what the org announced as JSON on standard input.
// The last line that it writes says how much was checked; a failed check ends the process with status 1.
import { text } from 'node:stream/consumers';

import { checks } from './checks.mjs';
import { Org } from './org.mjs';

const [module, scenario] = process.argv.slice(2);
const facts = JSON.parse(await text(process.stdin));
const scenarios = await import(`./${module}.mjs`);
try {
  await scenarios[scenario](new Org(facts));
} catch (failure) {
  console.error(failure);
  process.exit(1);
}
console.log(JSON.stringify({ scenario, checks: checks() }));
process.exit(0); // a client that polls would keep the process alive
