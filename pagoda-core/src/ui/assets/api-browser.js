// The API browser: Swagger UI over the document of this server.
"use strict";

// The cookie's value as the header that unsafe requests of a session carry.
function csrfToken() {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith("csrftoken="));
  return found ? found.slice("csrftoken=".length) : "";
}

SwaggerUIBundle({
  url: "/api/schema/?format=json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tagsSorter: "alpha",
  // Nobody else is asked whether the document is good.
  validatorUrl: null,
  requestInterceptor: (request) => {
    const method = (request.method || "GET").toUpperCase();
    const own = new URL(request.url, location.href).origin === location.origin;
    if (own && method !== "GET" && !(request.headers && request.headers.Authorization)) {
      request.headers = { ...request.headers, "X-CSRFToken": csrfToken() };
    }
    return request;
  },
});
