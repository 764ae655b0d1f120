// A whole Nexus for tests: `nexus dev` on a port of its own, with a store that goes with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const BUILT = fileURLToPath(new URL("../../../target/debug/nexus", import.meta.url));

/**
 * Starts it. Whoever starts it stops it.
 *
 * @returns {Promise<{ url: string, token: string, tenant: (dialect: string) => string, announced: unknown, stop: () => Promise<void> }>}
 */
export async function startNexus() {
  const program = process.env["NEXUS_TEST_PROGRAM"] ?? BUILT;
  const nexus = spawn(program, ["dev", "--ephemeral", "--port", "0", "--output", "json"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  process.on("exit", () => nexus.kill());
  const ended = once(nexus, "exit");
  const lines = createInterface({ input: nexus.stdout });
  const [line] = await Promise.race([once(lines, "line"), ended.then(() => ["{}"])]);
  const announced = JSON.parse(line);
  const { url, admin_token: token, tenants } = announced;
  if (!url) throw new Error(`${program} does not start: build it with cargo build -p nexus, or set NEXUS_TEST_PROGRAM`);
  const tenant = (/** @type {string} */ dialect) => tenants.find((/** @type {any} */ one) => one.dialect === dialect).id;
  const stop = async () => {
    nexus.kill();
    await ended;
  };
  return { url, token, tenant, announced, stop };
}

/**
 * A server that answers requests one after the other as it is told, and keeps what it was asked. Behind the last answer it repeats
 * that one.
 *
 * @param {{ after: (end: () => void) => void }} context
 * @param {Array<{ status?: number, headers?: Record<string, string>, body?: unknown, text?: string, silent?: boolean, cut?: boolean }>} answers
 */
export async function startServer(context, answers) {
  /** @type {Array<{ method: string, url: string, headers: Record<string, any>, body: string }>} */
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    const answer = answers[Math.min(requests.length, answers.length) - 1] ?? {};
    if (answer.cut) {
      request.socket.destroy();
    } else if (!answer.silent) {
      response.writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers });
      response.end(answer.text ?? JSON.stringify(answer.body ?? {}));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${address.port}`, requests };
}

/**
 * What is there soon: usage comes in a moment after the request.
 *
 * @template Found
 * @param {() => Promise<Found | undefined>} look
 * @returns {Promise<Found>}
 */
export async function eventually(look) {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await setTimeout(100);
  }
  throw new Error("it does not come");
}
