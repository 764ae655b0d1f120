export { NetworkError } from "@nexus/oauth";
export {
  type AcceptedVerdict,
  NexusClient,
  type NexusClientOptions,
  type RejectedVerdict,
  type Verdict,
} from "./client.js";
export { isWellFormed } from "./credential.js";
export { ApiError } from "./errors.js";
export { type GenerateJwtOptions, generateJwt } from "./jwt.js";
export type * from "./management.js";
export { type Page, rows } from "./pages.js";
export type { CallOptions } from "./sender.js";
export { SignatureError, type SignatureFault, type VerifyWebhookOptions, signWebhook, verifyWebhook } from "./webhooks.js";
