// The merged contract as openapi-typescript and openapi-fetch use it; prints one line of JSON that
// the test looks at.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [baseUrl, person, token, key] = process.argv.slice(2) as [string, string, string, string];
const api = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
const teacher = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${person}` } });
const keyed = createClient<paths>({ baseUrl, headers: { "x-api-key": key } });

const quota = await api.GET("/gateway/v1/quota");
const announced: components["schemas"]["AnnounceUpload"] = {
  filename: "lesson.txt",
  media_type: "text/plain",
  size: 5,
  sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
};
const upload = await teacher.POST("/catalog/v1/uploads", { body: announced });
const listed = await keyed.GET("/catalog/v1/resources", { params: { query: { limit: 5 } } });
const changes = await keyed.GET("/catalog/v1/changes");
const found = await api.GET("/catalog/v1/search", { params: { query: { q: "数学" } } });
const missing = await api.GET("/catalog/v1/resources/{resource_id}", {
  params: { path: { resource_id: "00000000-0000-7000-8000-000000000000" } },
});

console.log(
  JSON.stringify({
    class: quota.data?.quota_class,
    upload: upload.response.status,
    named: upload.data?.filename,
    listed: Array.isArray(listed.data?.items),
    limit: listed.response.headers.has("ratelimit"),
    changes: Array.isArray(changes.data?.items),
    found: Array.isArray(found.data?.items),
    missing: missing.error?.status,
  }),
);
