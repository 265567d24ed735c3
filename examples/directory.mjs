// Read a customer's directory from scimd: who is there, which groups, and who is in which group.
//
// Needs Node 18 or newer and no package. docs/consumers.md explains each request.
//
//     export SCIM_URL=https://scim.example.com/contoso/scim/v2 SCIM_TOKEN=scimd_...
//     node examples/directory.mjs users
//     node examples/directory.mjs find userName jane@example.com
//     node examples/directory.mjs groups
//     node examples/directory.mjs members GROUP
//     node examples/directory.mjs groups-of USER
//     node examples/directory.mjs is-member USER GROUP
//
// USER and GROUP are ids. Each command prints one JSON object a line; is-member prints true or false.

const PAGE = 200; // resources a page: the most that scimd returns
const ARGUMENTS = new Map(Object.entries({ users: 0, find: 2, groups: 0, members: 1, "groups-of": 1, "is-member": 2 }));
const ATTEMPTS = 8; // how often a request is sent while scimd is busy, before this program gives up

class Directory {
  constructor(url, token) {
    this.url = url;
    this.headers = { Authorization: `Bearer ${token}` };
  }

  // All users.
  users() {
    return this.all("/Users", { attributes: "userName,externalId,displayName,active,emails" });
  }

  // The users with a value: of userName, externalId, or emails.value.
  find(attribute, value) {
    return this.all("/Users", { filter: `${attribute} eq ${quoted(value)}`, attributes: "userName,externalId,active" });
  }

  // All groups, without their members.
  groups() {
    return this.all("/Groups", { attributes: "displayName,externalId" });
  }

  // The users in a group, those in groups inside it too.
  members(group) {
    return this.all("/Users", { filter: `groups.value eq ${quoted(group)}`, attributes: "userName,active" });
  }

  // The groups that a user is in; `type` says whether directly or through another group.
  async groupsOf(user) {
    return (await this.get(`/Users/${user}`, { attributes: "groups" })).groups ?? [];
  }

  // Whether a user is in a group, directly or through another group.
  async isMember(user, group) {
    const filter = `id eq ${quoted(user)} and groups.value eq ${quoted(group)}`;
    return (await this.get("/Users", { filter, count: 0 })).totalResults === 1;
  }

  // What is on all pages: an empty cursor asks for the first one, nextCursor for the next one.
  async *all(path, parameters) {
    for (let cursor = ""; cursor !== undefined; ) {
      const page = await this.get(path, { ...parameters, cursor, count: PAGE });
      yield* page.Resources;
      cursor = page.nextCursor;
    }
  }

  // The JSON of a response; waits as long as scimd says when it is busy (429, 503).
  async get(path, parameters) {
    const url = `${this.url}${path}?${new URLSearchParams(parameters)}`;
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(url, { headers: this.headers, signal: AbortSignal.timeout(60_000) });
      if (response.status === 200) return response.json();
      const busy = [429, 503].includes(response.status) && attempt < ATTEMPTS;
      if (!busy) throw new Error(`${response.status}: ${await response.text()}`);
      await new Promise((resume) => setTimeout(resume, 1000 * Number(response.headers.get("Retry-After") ?? 5)));
    }
  }
}

// A string in a filter: in quotes, with those inside it escaped, as in JSON.
const quoted = (text) => JSON.stringify(text);

async function main(command, ...values) {
  const directory = new Directory(process.env.SCIM_URL, process.env.SCIM_TOKEN);
  const method = command.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const result = await directory[method](...values);
  for await (const line of result === true || result === false ? [result] : result) console.log(JSON.stringify(line));
}

const [question, ...values] = process.argv.slice(2);
if (ARGUMENTS.get(question) !== values.length || !process.env.SCIM_URL || !process.env.SCIM_TOKEN) {
  console.error("Set SCIM_URL and SCIM_TOKEN, and ask a question: the first lines of this file list them.");
  process.exit(1);
}
await main(question, ...values).catch(({ message, cause }) => {
  console.error(cause ? `scimd does not answer: ${cause.message || cause.code}` : message);
  process.exitCode = 1;
});
