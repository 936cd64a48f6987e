// The record store as @xapi/xapi uses it; prints one line of JSON that the test looks at.
import module from "@xapi/xapi";

const XAPI = module.default ?? module;
const [endpoint, username, password, version] = process.argv.slice(2);
const xapi = new XAPI({ endpoint, version, auth: XAPI.toBasicAuth(username, password) });

const agent = { objectType: "Agent", name: "李雨桐", mbox: "mailto:yutong@school.example" };
const activity = { objectType: "Activity", id: `https://lessons.example/${version}` };
const statement = { actor: agent, verb: XAPI.Verbs.COMPLETED, object: activity };

const [id] = (await xapi.sendStatement({ statement })).data;
const many = (await xapi.sendStatements({ statements: [statement, statement, statement] })).data;
const one = (await xapi.getStatement({ statementId: id })).data;
const page = (await xapi.getStatements({ agent, activity: activity.id, limit: 3 })).data;
const rest = (await xapi.getMoreStatements({ more: page.more })).data;
await xapi.voidStatement({ actor: agent, statementId: id });
const voided = (await xapi.getVoidedStatement({ voidedStatementId: id })).data;

const place = { agent, activityId: activity.id, stateId: "bookmark" };
await xapi.createState({ ...place, state: { page: 1 } });
await xapi.createState({ ...place, state: { seen: true } });
const state = (await xapi.getState(place)).data;
const profile = { agent, profileId: `wishes-${version}` };
await xapi.setAgentProfile({ ...profile, profile: { a: 1 }, etag: "*", matchHeader: "If-None-Match" });
const kept = await xapi.getAgentProfile(profile);
const refused = await xapi
  .setAgentProfile({ ...profile, profile: { a: 2 }, etag: '"stale"', matchHeader: "If-Match" })
  .then(() => 0, (error) => error.response.status);

console.log(
  JSON.stringify({
    actor: one.actor,
    sent: many.length,
    paged: page.statements.length + rest.statements.length,
    voided: voided.id === id,
    state,
    profile: kept.data,
    refused,
    person: (await xapi.getAgent({ agent })).data.objectType,
    about: (await xapi.getAbout()).data.version,
  }),
);
