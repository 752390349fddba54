/** Swagger UI is loaded from this server only. With a token the page shows what the role may use. */

export const DOCS_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
</head>
<body>
<form id="identity">
<label for="token">Token (a role sees what it may use)</label>
<input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="none: anonymous">
<button>Use</button>
</form>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
`;

export const DOCS_CSS = `body { margin: 0; background: #fff; }
#identity { display: flex; gap: .6rem; align-items: center; padding: .6rem 1.2rem; background: #0b3d4f; color: #fff; font: 14px system-ui, sans-serif; }
#identity input { flex: 1; max-width: 40rem; padding: .3rem .5rem; border: 0; border-radius: 3px; }
#identity button { padding: .3rem .8rem; border: 0; border-radius: 3px; background: #7fd6c2; color: #06303e; font-weight: 600; }
`;

/** The token stays in this tab. */
export const DOCS_JS = `const input = document.getElementById('token');
input.value = sessionStorage.getItem('tidemark-token') ?? '';
function show() {
  const token = input.value.trim();
  window.ui = SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#api',
    deepLinking: true,
    docExpansion: 'none',
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    requestInterceptor(request) {
      if (token) request.headers.Authorization ??= 'Bearer ' + token;
      return request;
    },
  });
}
document.getElementById('identity').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('tidemark-token', input.value.trim());
  show();
});
show();
`;
