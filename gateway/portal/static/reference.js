// Starts Swagger UI here, since the page's policy allows no script within it.
const told = await fetch("/openapi.json");
const spec = await told.json();

// An operation stands once, under its service and its noun, not under each of the two.
delete spec.tags;
for (const item of Object.values(spec.paths)) {
  for (const operation of Object.values(item)) {
    if (operation.tags) operation.tags = [operation.tags.join(" · ")];
  }
}

SwaggerUIBundle({
  spec,
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  validatorUrl: null,
});
