// A service whose routes need a credential of the product `nexus`.
//
//   NEXUS_URL=http://127.0.0.1:8080 NEXUS_TOKEN=nxm_… PORT=3000 node service.mjs

import { NexusClient } from "@nexus/sdk";
import { requireScope } from "@nexus/sdk/express";
import express from "express";

// Reads NEXUS_URL, a validating node or an API node, and NEXUS_TOKEN, a management credential with the scope `verify`.
const client = new NexusClient({ timeoutMs: 2000 });
const product = { client, dialect: "nexus", environment: "live" };
const app = express();

app.get("/v1/users", requireScope("read:users", product), (request, response) => {
  response.json({ tenant: request.nexus.tenant_id, users: ["ada", "grace"] });
});

app.post("/v1/payments", requireScope("write:payments", product), express.json(), (request, response) => {
  response.status(201).json({ tenant: request.nexus.tenant_id, amount: request.body.amount });
});

// Callers learn that the service cannot answer; why stands in the log.
app.use((error, _request, response, _next) => {
  console.error(error);
  response.status(error.status ?? 500).json({ error: "The request cannot be answered just now." });
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
process.on("SIGTERM", () => server.close());
