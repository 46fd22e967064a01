// The page: a stream of the sandbox's state comes in, rows go out. What users wrote is set as text, never as markup.

const ORIGIN = location.origin;
const state = { settings: {}, faults: [], webhooks: [], requests: { total: 0, data: [] } };
const byId = (id) => document.getElementById(id);

// Elements

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

// Times and numbers

const moment = (value) => new Date(typeof value === "number" ? value * 1000 : value);
const clockTime = (date) => date.toLocaleTimeString("en-GB");
const dayAndMonth = (date) => date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
const counted = (number) => number.toLocaleString("en-US");

function duration(seconds) {
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)} ms`;
  return seconds < 0.9995 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

// The sandbox's time, which may have been advanced or stand still
function now() {
  const { frozen_at: frozenAt = null, offset = 0 } = state.clock ?? {};
  return moment(frozenAt ?? Date.now() / 1000 + offset);
}

function when(value) {
  const date = moment(value);
  const isToday = date.toDateString() === now().toDateString();
  const shown = isToday ? clockTime(date) : dayAndMonth(date);
  return el("time", { datetime: date.toISOString(), title: date.toLocaleString() }, shown);
}

// Lists: a row is kept by its key, so that what is open stays open and what has the focus keeps it

function showList(name, { total, items, key, make, empty }) {
  const list = document.querySelector(`[data-list="${name}"]`);
  const isFirst = list.dataset.shown === undefined;
  const known = new Map([...list.children].map((row) => [row.dataset.key, row]));
  const rows = items.map((item) => keptRow(known.get(key(item)), item, key(item), make, isFirst));
  if (!rows.length) rows.push(known.get("") ?? el("div", { class: "empty", "data-key": "" }, ...empty()));
  placeRows(list, rows);
  list.dataset.shown = "";
  document.querySelector(`[data-count="${name}"]`).textContent = total ? counted(total) : "";
}

function keptRow(before, item, key, make, isFirst) {
  const version = `${JSON.stringify(item)} ${now().toDateString()}`;
  if (before?.dataset.version === version) return before;
  const row = make(item);
  row.classList.add("row");
  row.dataset.key = key;
  row.dataset.version = version;
  if (!before) row.classList.toggle("new", !isFirst);
  else if (before.open) row.open = true;
  if (before?.contains(document.activeElement)) queueMicrotask(() => row.querySelector("summary")?.focus());
  return row;
}

function placeRows(list, rows) {
  const wanted = new Set(rows);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  rows.forEach((row, index) => {
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
}

function expandable(cells, detail) {
  const row = el("details", {}, el("summary", {}, ...cells));
  const show = () =>
    row.open && row.children.length === 1 && row.append(el("div", { class: "detail" }, ...detail()));
  row.addEventListener("toggle", show);
  return row;
}

const pretty = (value) => el("pre", { tabindex: 0 }, JSON.stringify(value, null, 2));

// Requests

function showRequests() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const items = state.requests.data.filter((request) =>
    words.every((word) => searchText(request).includes(word)),
  );
  showList("requests", {
    total: state.requests.total,
    items,
    key: (request) => `${request.id} ${request.time}`,
    make: requestRow,
    empty: () => (words.length ? nothingFound() : nothingAsked()),
  });
}

const target = (request) => request.path + (request.query ? `?${request.query}` : "");

function searchText(request) {
  return `${request.method} ${target(request)} ${request.status ?? "no answer"} ${request.fault ?? ""} ${request.id}`.toLowerCase();
}

function requestRow(request) {
  const query = request.query ? el("i", {}, `?${request.query}`) : null;
  const cells = [
    when(request.time),
    el("span", { class: request.method === "GET" ? "method" : "method write" }, request.method),
    el("span", { class: "path cut", title: target(request) }, request.path, query),
    request.fault ? el("span", { class: "tag" }, faultName(request.fault)) : el("span"),
    el("span", { class: `status ${statusKind(request.status)}` }, request.status ?? "–"),
    el("span", { class: "number" }, duration(request.elapsed)),
  ];
  return expandable(cells, () => requestDetail(request));
}

const faultName = (kind) => (kind === "status" ? "fault" : kind.replace("_", " "));

function statusKind(status) {
  if (status === null || status >= 500) return "bad";
  return status >= 400 ? "warn" : "";
}

function requestDetail(request) {
  const told = Object.entries(request.headers).filter(([name]) => !name.startsWith("sec-"));
  const headers = told.map(([name, value]) => `${name}: ${value}`);
  const hasPython = request.path.startsWith("/v1/");
  return [
    el(
      "div",
      { class: "actions" },
      copyButton("Copy as curl", () => asCurl(request), "copy-curl"),
      hasPython ? copyButton("Copy as Python", () => asPython(request), "copy-python") : null,
      el("span", { class: "id" }, request.id),
    ),
    el(
      "div",
      { class: "parts" },
      el("pre", { tabindex: 0 }, [`${request.method} ${target(request)}`, ...headers].join("\n")),
      request.body ? el("pre", { tabindex: 0 }, indented(request.body)) : null,
    ),
  ];
}

function indented(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

const nothingFound = () => [
  el("b", {}, "No request matches"),
  el("p", {}, "The filter looks at method, path, status and fault."),
];
const nothingAsked = () => [
  el("b", {}, "No requests yet"),
  el("p", {}, `Point a client at ${ORIGIN}/v1, or press “Create a project” and watch it arrive here.`),
];

// Copies of a request: credentials stand in it as variables, so that none gets into a clipboard

const TRANSPORT_HEADERS = new Set(
  "host content-length connection accept accept-encoding accept-language user-agent origin referer cookie x-attempt traceparent x-request-id".split(
    " ",
  ),
);

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function ownHeaders(request) {
  return Object.entries(request.headers).filter(
    ([name]) => !TRANSPORT_HEADERS.has(name) && !name.startsWith("sec-"),
  );
}

function asCurl(request) {
  const variables = { "x-api-key": "$CLOUD_API_KEY", authorization: "Bearer $CLOUD_ACCESS_TOKEN" };
  const headers = ownHeaders(request).map(([name, value]) =>
    variables[name] ? `-H "${name}: ${variables[name]}"` : `-H ${quoted(`${name}: ${value}`)}`,
  );
  const method = request.method === "GET" ? "" : `-X ${request.method} `;
  const data = request.body ? [`--data-raw ${quoted(request.body)}`] : [];
  return [`curl ${method}${quoted(ORIGIN + target(request))}`, ...headers, ...data].join(" \\\n  ");
}

function asPython(request) {
  const words = [JSON.stringify(request.method), pythonValue(decodeURI(request.path).replace(/^\/v1/, ""))];
  if (request.query) words.push(`params=${pythonValue(queryValues(request.query))}`);
  if (request.body) words.push(`json=${pythonBody(request.body)}`);
  const key = request.headers["idempotency-key"];
  if (key) words.push(`idempotency_key=${pythonValue(key)}`);
  if (request.method === "DELETE") words.push("model=None");
  return `import anyio

from cloudplatform_async import AsyncClient


async def main() -> None:
    async with AsyncClient(base_url=${pythonValue(`${ORIGIN}/v1`)}) as client:
        answer = await client.request(${words.join(", ")})
        print(answer.status_code, answer.data)


anyio.run(main)
`;
}

function queryValues(query) {
  const values = {};
  for (const [name, value] of new URLSearchParams(query)) (values[name] ??= []).push(value);
  return Object.fromEntries(
    Object.entries(values).map(([name, all]) => [name, all.length > 1 ? all : all[0]]),
  );
}

function pythonBody(body) {
  try {
    return pythonValue(JSON.parse(body));
  } catch {
    return pythonValue(body);
  }
}

function pythonValue(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([name, part]) => `${pythonValue(name)}: ${pythonValue(part)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

function copyButton(label, text, testId) {
  return el(
    "button",
    { type: "button", class: "small", "data-testid": testId, onclick: () => copy(text()) },
    label,
  );
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied");
  } catch (error) {
    notify(`The browser did not let this page copy: ${error.message}`, "bad");
  }
}

// Events, deliveries, runs, projects

const RUN_KINDS = { queued: "", running: "busy", succeeded: "good", failed: "bad", cancelled: "warn" };
const DELIVERY_KINDS = { pending: "busy", delivered: "good", failed: "bad" };

function showEvents({ total, data }) {
  showList("events", {
    total,
    items: data,
    key: (event) => event.id,
    make: (event) =>
      expandable(
        [
          when(event.created_at),
          el("span", { class: "type cut" }, event.type),
          el("span", { class: "subject cut" }, event.data.name ?? event.data.id ?? ""),
        ],
        () => [pretty(event)],
      ),
    empty: () => [
      el("b", {}, "No events yet"),
      el("p", {}, "Each change of a project or a run is an event, and appears here at once."),
    ],
  });
}

function showDeliveries({ total, data }) {
  showList("deliveries", {
    total,
    items: data,
    key: (delivery) => delivery.id,
    make: (delivery) => {
      const tries = delivery.attempts.length;
      const kind = delivery.status === "pending" && tries ? "warn" : DELIVERY_KINDS[delivery.status];
      const cells = [
        when(delivery.created_at),
        el("span", { class: "type cut" }, delivery.event_type),
        el("span", { class: "number" }, tries > 1 ? `${tries} attempts` : ""),
        el("span", { class: `dot ${kind ?? ""}` }, kind === "warn" ? "retrying" : delivery.status),
      ];
      return expandable(cells, () => deliveryDetail(delivery));
    },
    empty: () => [
      el("b", {}, "No deliveries yet"),
      el(
        "p",
        {},
        "Subscribe an endpoint with POST /v1/webhooks; the button above subscribes one of this page.",
      ),
    ],
  });
}

function deliveryDetail(delivery) {
  const webhook = state.webhooks.find(({ id }) => id === delivery.webhook);
  const next = delivery.next_attempt_at;
  return [
    el("p", { class: "id" }, `${delivery.event_id} to ${webhook?.url ?? delivery.webhook}`),
    el("ol", { class: "attempts" }, ...delivery.attempts.map(attemptLine)),
    next ? el("p", { class: "note" }, "The next attempt is at ", when(next)) : null,
  ];
}

function attemptLine(attempt, index) {
  const answered = attempt.status_code === null ? attempt.error : duration(attempt.elapsed);
  return el(
    "li",
    {},
    el("span", {}, `${index + 1}`),
    when(attempt.attempted_at),
    el("span", { class: `status ${statusKind(attempt.status_code)}` }, attempt.status_code ?? "–"),
    el("span", { class: "cut", title: answered }, answered),
  );
}

function showRuns({ total, data }) {
  showList("runs", {
    total,
    items: data,
    key: (run) => run.id,
    make: (run) =>
      expandable(
        [
          when(run.created_at),
          el(
            "span",
            { class: "cut" },
            el("span", { class: "mono" }, run.id),
            "  ",
            el("span", { class: "subject" }, run.workflow_id),
          ),
          el("span", { class: `dot ${RUN_KINDS[run.status] ?? ""}` }, run.status),
        ],
        () => [pretty(run)],
      ),
    empty: () => [
      el("b", {}, "No runs yet"),
      el("p", {}, "A workflow that is triggered shows here how far its run has come."),
    ],
  });
}

function showProjects({ total, data }) {
  showList("projects", {
    total,
    items: data,
    key: (project) => project.id,
    make: (project) =>
      el(
        "div",
        { class: "plain" },
        el(
          "span",
          { class: "name" },
          el("b", { class: "cut", title: project.name }, project.name),
          el("span", { class: "id cut" }, project.id),
        ),
        el("span", { class: `dot ${project.status === "active" ? "good" : ""}` }, project.status),
        when(project.created_at),
      ),
    empty: () => [
      el("b", {}, "No projects yet"),
      el("p", {}, "Create one with the button above, or from your own code."),
    ],
  });
}

// Usage

const CHART = { height: 116, top: 8, bottom: 22, gap: 8, widest: 40, label: 52 };

function showUsage(days) {
  state.usage = days;
  const sum = days.reduce((all, day) => ({
    requests: all.requests + day.requests,
    errors: all.errors + day.errors,
  }));
  byId("today").textContent = counted(days.at(-1).requests);
  byId("error-rate").textContent = `${(sum.requests ? (100 * sum.errors) / sum.requests : 0).toFixed(1)} %`;
  const width = byId("chart").clientWidth - 32;
  if (width <= 0) return; // not laid out yet: it is drawn when it is
  const scale = {
    step: width / days.length,
    highest: Math.max(...days.map((day) => day.requests), 1),
    // Labels are thinned out from today backwards, until they fit.
    every: Math.ceil((CHART.label * days.length) / width),
  };
  const label = `${counted(sum.requests)} requests in ${days.length} days, ${counted(sum.errors)} of them errors`;
  const bars = days.map((day, index) =>
    dayBar(day, index, (days.length - 1 - index) % scale.every === 0, scale),
  );
  const size = { width, height: CHART.height, viewBox: `0 0 ${width} ${CHART.height}` };
  byId("chart").replaceChildren(svg("svg", { ...size, role: "img", "aria-label": label }, ...bars));
}

function dayBar(day, index, hasLabel, { step, highest }) {
  const base = CHART.height - CHART.bottom;
  const left = index * step;
  const tall = (number) => (number ? Math.max(3, ((base - CHART.top) * number) / highest) : 0);
  const width = Math.min(step - CHART.gap, CHART.widest);
  const bar = (kind, size) =>
    svg("rect", { class: kind, x: left + (step - width) / 2, y: base - size, width, height: size, rx: 2 });
  return svg(
    "g",
    {},
    svg("title", {}, `${day.day}: ${counted(day.requests)} requests, ${counted(day.errors)} errors`),
    svg("rect", { class: "hit", x: left, y: 0, width: step, height: base }),
    day.requests ? bar("bar-ok", tall(day.requests)) : bar("bar-none", 2),
    day.errors ? bar("bar-error", tall(day.errors)) : null,
    hasLabel
      ? svg("text", { x: left + step / 2, y: CHART.height - 5, "text-anchor": "middle" }, dayLabel(day.day))
      : null,
  );
}

const dayLabel = (day) =>
  moment(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

// Controls

const API_PATHS = "/v1/*";
const SWITCHES = [
  { id: "503", name: "503 Unavailable", help: "Nothing is done", fault: { kind: "status", status: 503 } },
  {
    id: "429",
    name: "429 Too many requests",
    help: "Retry after 2 s",
    fault: { kind: "status", status: 429, headers: { "retry-after": "2" } },
  },
  {
    id: "lost_answer",
    name: "Lost answer",
    help: "Done, and nobody hears of it",
    fault: { kind: "lost_answer" },
  },
  { id: "reset", name: "Connection reset", help: "Nothing is done", fault: { kind: "reset" } },
  { id: "hang", name: "Silence", help: "No answer until the client leaves", fault: { kind: "hang" } },
];
const HOW_OFTEN = { always: {}, some: { probability: 0.3 }, once: { times: 1 } };

function drawSwitches() {
  const rows = SWITCHES.map(({ id, name, help }) => {
    const input = el("input", {
      type: "checkbox",
      role: "switch",
      "data-testid": `fault-${id}`,
      "data-fault": id,
    });
    return el("label", { class: "switch harm" }, el("span", {}, name, el("small", {}, help)), input);
  });
  byId("fault-switches").append(...rows);
}

const isSpent = (fault) => fault.times === 0;
const matches = ({ fault }, scripted) =>
  scripted.path === API_PATHS &&
  scripted.kind === fault.kind &&
  scripted.status === (fault.status ?? null) &&
  scripted.method === null;

async function toggleFault(input) {
  const entry = SWITCHES.find(({ id }) => id === input.dataset.fault);
  if (input.checked) {
    await steer("POST", "faults", { ...entry.fault, ...HOW_OFTEN[byId("how-often").value], path: API_PATHS });
  } else {
    const on = state.faults.filter((fault) => matches(entry, fault));
    for (const fault of on) await steer("DELETE", `faults/${fault.id}`);
  }
}

function showFaults(faults) {
  state.faults = faults;
  const active = faults.filter((fault) => !isSpent(fault));
  for (const entry of SWITCHES) {
    document.querySelector(`[data-fault="${entry.id}"]`).checked = active.some((fault) =>
      matches(entry, fault),
    );
  }
  const others = active.filter((fault) => !SWITCHES.some((entry) => matches(entry, fault)));
  byId("scripted").replaceChildren(...others.map(scriptedFault));
}

function scriptedFault(fault) {
  const what = fault.kind === "status" ? `${fault.status}` : fault.kind.replace("_", " ");
  const where = [fault.method, fault.path].filter(Boolean).join(" ") || "every request";
  const left = fault.times === null ? "" : ` · ${fault.times} left`;
  const remove = () => steer("DELETE", `faults/${fault.id}`);
  return el(
    "li",
    {},
    el("span", {}, el("b", {}, what), ` ${where}${left}`),
    el(
      "button",
      { type: "button", class: "small quiet", "aria-label": `Take back the fault ${what}`, onclick: remove },
      "✕",
    ),
  );
}

function showSettings(settings) {
  state.settings = settings;
  const latency = Math.round(settings.latency * 1000);
  if (document.activeElement !== byId("latency")) byId("latency").value = latency;
  byId("latency-shown").textContent = `${latency} ms`;
  byId("endpoint-fails").checked = settings.endpoint_fails;
  byId("address").textContent = `${ORIGIN}/v1`;
  byId("settings").textContent = environment(settings);
}

function environment(settings) {
  return [
    `CLOUD_API_BASE_URL=${ORIGIN}/v1`,
    `CLOUD_API_KEY=${settings.api_key}`,
    `CLOUD_TOKEN_URL=${ORIGIN}/oauth/token`,
    `CLOUD_CLIENT_ID=${settings.client_id}`,
    `CLOUD_CLIENT_SECRET=${settings.client_secret}`,
    `CLOUD_WEBHOOK_SECRET=${settings.webhook_secret}`,
  ].join("\n");
}

function showClock(clock) {
  state.clock = clock;
  byId("freeze").checked = clock.frozen_at !== null;
  tick();
}

function tick() {
  const date = now();
  byId("clock-time").textContent = clockTime(date);
  byId("clock-time").dateTime = date.toISOString();
  byId("clock-date").textContent = date.toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
  });
}

// Requests of this page: to the sandbox's own paths, and to the API as any client makes them

async function steer(method, path, body) {
  return ask(method, `/_sandbox/${path}`, body, {});
}

async function ask(method, path, body, headers) {
  const init = { method, headers: { ...headers } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["content-type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Error(`${method} ${path}: no answer came.`);
  }
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}${explanation(text)}`);
  return text ? JSON.parse(text) : null;
}

function explanation(text) {
  try {
    const { error } = JSON.parse(text);
    return ` ${error.code}. ${error.message}`;
  } catch {
    return "";
  }
}

const call = (method, path, body) =>
  ask(method, `/v1/${path}`, body, {
    "x-api-key": state.settings.api_key,
    "idempotency-key": crypto.randomUUID(),
  });

const NAMES = [
  [
    "Amber",
    "Birch",
    "Cobalt",
    "Dune",
    "Ember",
    "Fjord",
    "Harbor",
    "Juniper",
    "Lumen",
    "Meadow",
    "Onyx",
    "Sierra",
  ],
  [
    "Billing",
    "Catalog",
    "Checkout",
    "Gateway",
    "Ledger",
    "Mailer",
    "Search",
    "Signals",
    "Storefront",
    "Tracker",
  ],
];

async function createTriggerDeliver() {
  const [first, second] = NAMES.map((words) => words[Math.floor(Math.random() * words.length)]);
  const slug = `${first}-${second}-${Date.now().toString(36)}`.toLowerCase();
  if (!state.webhooks.some((webhook) => webhook.url === ENDPOINT)) {
    await call("POST", "webhooks", { url: ENDPOINT, description: "The endpoint of this page" });
  }
  const project = await call("POST", "projects", { name: `${first} ${second}`, slug });
  const inputs = { project: project.id, sandbox: { seconds: 3, outputs: { image: `${slug}:1` } } };
  const run = await call("POST", "workflows/wfl_build/runs", { inputs });
  notify(`Created ${project.name}, and triggered ${run.id}`);
}

const ENDPOINT = `${ORIGIN}/_sandbox/endpoint`;

// What the user does, once the page knows its sandbox; a failure is told, whatever it was

let begin;
const begun = new Promise((resolve) => (begin = resolve));

function told(action) {
  return async (event) => {
    try {
      await begun;
      await action(event);
    } catch (error) {
      notify(error.message, "bad");
    }
  };
}

function notify(text, kind = "") {
  const toast = el("p", { class: `toast ${kind}` }, text);
  byId("toasts").append(toast);
  setTimeout(() => toast.remove(), kind ? 8000 : 3000);
}

function nextTheme() {
  const order = ["", "dark", "light"];
  const next = order[(order.indexOf(document.documentElement.dataset.theme ?? "") + 1) % order.length];
  localStorage.setItem("theme", next);
  showTheme(next);
}

function showTheme(theme) {
  const root = document.documentElement;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  byId("theme").textContent = { "": "◐", dark: "☾", light: "☀" }[theme];
  byId("theme").title = `Theme: ${theme || "that of the system"}`;
}

function onKey(event) {
  const isTyping = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && event.target === byId("filter")) {
    byId("filter").value = "";
    showRequests();
    event.target.blur();
    return;
  }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = { "/": () => byId("filter").focus(), c: () => byId("create").click(), t: nextTheme };
  const action = keys[event.key] ?? (event.key.startsWith("Arrow") ? moveFocus(event) : null);
  if (!action) return;
  event.preventDefault();
  action();
}

function moveFocus({ key, target: from }) {
  const row = from.closest?.("details.row");
  const next =
    key === "ArrowDown" ? row?.nextElementSibling : key === "ArrowUp" ? row?.previousElementSibling : null;
  const summary = next?.querySelector("summary");
  return summary ? () => summary.focus() : null;
}

function listen() {
  const create = byId("create");
  create.addEventListener("click", async () => {
    create.disabled = true;
    await told(createTriggerDeliver)();
    create.disabled = false;
  });
  byId("fault-switches").addEventListener(
    "change",
    told((event) => toggleFault(event.target)),
  );
  byId("latency").addEventListener(
    "input",
    () => (byId("latency-shown").textContent = `${byId("latency").value} ms`),
  );
  byId("latency").addEventListener(
    "change",
    told(() => steer("PATCH", "settings", { latency: byId("latency").value / 1000 })),
  );
  byId("endpoint-fails").addEventListener(
    "change",
    told((event) => steer("PATCH", "settings", { endpoint_fails: event.target.checked })),
  );
  byId("freeze").addEventListener(
    "change",
    told((event) => steer("POST", "clock", { frozen: event.target.checked })),
  );
  for (const button of document.querySelectorAll("[data-advance]")) {
    button.addEventListener(
      "click",
      told(() => steer("POST", "clock", { advance: Number(button.dataset.advance) })),
    );
  }
  byId("copy-settings").addEventListener("click", () => copy(`${environment(state.settings)}\n`));
  byId("address").addEventListener("click", () => copy(`${ORIGIN}/v1`));
  byId("filter").addEventListener("input", showRequests);
  byId("theme").addEventListener("click", nextTheme);
  document.addEventListener("keydown", onKey);
  new ResizeObserver(() => state.usage && showUsage(state.usage)).observe(byId("chart"));
}

// The stream

const SECTIONS = {
  settings: showSettings,
  faults: showFaults,
  clock: showClock,
  usage: showUsage,
  requests: (requests) => ((state.requests = requests), showRequests()),
  webhooks: (webhooks) => (state.webhooks = webhooks.data),
  events: showEvents,
  deliveries: showDeliveries,
  runs: showRuns,
  projects: showProjects,
};

function follow() {
  const stream = new EventSource("/_sandbox/stream");
  const show = (kind, text) => {
    byId("live").dataset.state = kind;
    byId("live").textContent = text;
  };
  stream.addEventListener("open", () => show("live", "Live"));
  stream.addEventListener("error", () => show("lost", "Reconnecting"));
  stream.addEventListener("message", (message) => {
    for (const [name, section] of Object.entries(JSON.parse(message.data))) SECTIONS[name]?.(section);
    begin();
  });
}

showTheme(localStorage.getItem("theme") ?? "");
drawSwitches();
listen();
setInterval(tick, 250);
follow();
