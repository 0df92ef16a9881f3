// Checks that count themselves, so that a scenario without any cannot pass.
import assert from 'node:assert/strict';

let count = 0;

/** How many checks passed until now. */
export function checks() {
  return count;
}

/** Both values are deeply equal. */
export function same(actual, expected, message) {
  assert.deepEqual(actual, expected, message);
  count += 1;
}

/** The value is true. */
export function holds(value, message) {
  assert.ok(value, message);
  count += 1;
}

/** The text fits the pattern. */
export function fits(text, pattern) {
  assert.match(String(text), pattern);
  count += 1;
}

/** The value has at least these keys, with these values. */
export function has(actual, expected) {
  const found = Object.fromEntries(Object.keys(expected).map((key) => [key, actual?.[key]]));
  same(
    found,
    expected,
    `in ${JSON.stringify(actual)}: ${JSON.stringify(found)} is not ${JSON.stringify(expected)}`,
  );
}

/** The promise is refused; gives the error. `code` is the error's `errorCode` or, for a login, its name. */
export async function refused(promise, code) {
  let error;
  try {
    const answer = await promise;
    assert.fail(`should have been refused with ${code}, and was ${JSON.stringify(answer)}`);
  } catch (caught) {
    if (caught instanceof assert.AssertionError) throw caught;
    error = caught;
  }
  same(error.errorCode ?? error.name, code, error.stack);
  return error;
}
