// An echo bot: it says again what is said in rooms. See docs/webhooks.md.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { SOCKEYE, KEY, SECRET, PORT = "8080" } = process.env;
const key = Buffer.from(SECRET.replace("whsec_", ""), "base64");

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signatures = "" } = request.headers;
  const want = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64"));
  const good = signatures.split(" ").some((s) => s.length === want.length && timingSafeEqual(Buffer.from(s), want));
  if (!good || Math.abs(Date.now() / 1000 - at) > 300) return response.writeHead(401).end();
  const { type, data } = JSON.parse(body);
  if (type !== "message.created" || !data.roomId || data.type === "system") return response.writeHead(204).end();
  const answer = await fetch(`${SOCKEYE}/api/v1/server/rooms/${data.roomId}/messages`, {
    method: "POST", headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ content: data.content, clientMsgId: "echo-" + id }),
  });
  response.writeHead(answer.ok ? 204 : 500).end();
}).listen(Number(PORT), function () { console.log(`http://127.0.0.1:${this.address().port}`); });
