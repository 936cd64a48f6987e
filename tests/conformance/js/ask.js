// What both clients ask of the test that runs them: one line of JSON each way.
import { createInterface } from "node:readline/promises";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Opens an address in the test's browser; returns the address that leads back to the client. */
export async function open(url) {
  console.log(JSON.stringify({ open: String(url) }));
  return (await lines.next()).value;
}

/** Tells the test what was found, and ends. */
export function tell(found) {
  console.log(JSON.stringify(found));
  process.exit(0);
}

export const [issuer, clientId, redirectUri, scope] = process.argv.slice(2);
