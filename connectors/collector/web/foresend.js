/*
 * Events of a web page for Foresend, by calls that are named and shaped as those of Segment's analytics.js.
 *
 * Nothing is stored and nothing is sent before consent() said yes: until then calls wait in memory. Everything that is
 * kept is first-party: a cookie with the device's anonymous id, and in localStorage the person's id and the consent.
 * docs/web-client.md tells how it is put into a page.
 */
(function (window, document, navigator) {
  "use strict";

  var stub = window.foresend || [];
  // The page brings it twice.
  if (!stub.push) return;

  var COOKIE = "foresend_id";
  var STORED = "foresend";
  // 390 days from when the id was made, however often its owner comes back.
  var COOKIE_S = 33696000;
  var HELD_MAX = 100;
  var PENDING_MAX = 1000;
  var BATCH_MAX = 100;
  // Browsers carry on with 64 KB of requests of a page that was closed.
  var BATCH_BYTES = 60000;

  var api = {};
  var methods = {};
  var script = document.currentScript;
  var key, url, options, given, agreed, consents, user, device, timer;
  var held = [];
  var pending = [];
  // The events of the request under way, and those of one whose consent was withdrawn meanwhile.
  var sending, withdrawn;
  var failures = 0;

  function guarded(action) {
    // A page must work whatever happens here.
    return function () {
      try {
        return action.apply(null, arguments);
      } catch (error) {
        console.warn("foresend", error);
      }
    };
  }

  function newId() {
    return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, function (digit) {
      return (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16);
    });
  }

  // --- what is kept

  function writeCookie(value, seconds) {
    document.cookie =
      COOKIE + "=" + value + "; Path=/; SameSite=Lax; Max-Age=" + seconds +
      (options.domain ? "; Domain=" + options.domain : "") +
      (location.protocol == "https:" ? "; Secure" : "");
  }

  function newDevice() {
    device = newId();
    writeCookie(device, COOKIE_S);
  }

  function knownDevice() {
    device = (document.cookie.match("(?:^|; )" + COOKIE + "=([^;]+)") || [])[1];
    if (!device) newDevice();
  }

  var save = guarded(function () {
    localStorage.setItem(STORED, JSON.stringify({ c: consents, u: user }));
  });

  var restore = guarded(function () {
    var stored = JSON.parse(localStorage.getItem(STORED));
    if (stored) {
      consents = stored.c;
      user = stored.u;
      agreed = true;
      knownDevice();
    } else if (agreed) {
      // Withdrawn in another tab.
      pending = [];
      forget();
    }
  });

  function forget() {
    agreed = false;
    user = device = consents = undefined;
    held = [];
    withdrawn = sending;
    writeCookie("", 0);
    guarded(function () {
      localStorage.removeItem(STORED);
    })();
  }

  // --- what is told

  function context() {
    var agent = navigator.userAgent;
    var found = {
      library: { name: "foresend.js", version: "1" },
      page: {
        path: location.pathname,
        url: location.href,
        referrer: document.referrer,
        search: location.search,
        title: document.title
      },
      userAgent: agent,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      device: {
        type: /iPad|Tablet|Android(?!.*Mobi)/.test(agent) ? "tablet" : /Mobi/.test(agent) ? "mobile" : "desktop"
      }
    };
    new URLSearchParams(location.search).forEach(function (value, name) {
      if (name.indexOf("utm_") == 0) {
        found.campaign = found.campaign || {};
        found.campaign[name == "utm_campaign" ? "name" : name.slice(4)] = value;
      }
    });
    return found;
  }

  function moment() {
    return { at: new Date().toISOString(), context: context() };
  }

  function emit(type, fields, when) {
    var event = {
      type: type,
      messageId: newId(),
      timestamp: when.at,
      anonymousId: device,
      userId: user,
      context: Object.assign({}, when.context, { consent: { categoryPreferences: consents } })
    };
    // As text at once: whatever the page does with its objects later is another matter.
    pending.push(JSON.stringify(Object.assign(event, fields)));
    if (pending.length > PENDING_MAX) pending.shift();
    if (!failures && pending.length >= (options.flushAt || 20)) flush();
    else timer = timer || setTimeout(flush, (options.flushEvery || 5) * 1000);
  }

  function text(id) {
    return id == null || id === "" ? undefined : String(id);
  }

  methods.track = function (when, name, properties) {
    emit("track", { event: name, properties: properties || {} }, when);
  };

  methods.page = function (when, category, name, properties) {
    if (typeof name != "string") {
      properties = name;
      name = category;
      category = undefined;
    }
    if (typeof name != "string") {
      properties = name;
      name = undefined;
    }
    properties = Object.assign({}, when.context.page, properties);
    emit("page", { category: category, name: name, properties: properties }, when);
  };

  methods.identify = function (when, id, traits) {
    if (id && typeof id == "object") {
      traits = id;
      id = undefined;
    }
    id = text(id);
    // Another person at the same device: nothing may be taken for theirs that was not.
    if (id && user && id != user) newDevice();
    user = id || user;
    save();
    emit("identify", { traits: traits || {} }, when);
  };

  methods.group = function (when, id, traits) {
    emit("group", { groupId: text(id), traits: traits || {} }, when);
  };

  methods.alias = function (when, id, previous) {
    previous = text(previous) || user || device;
    user = text(id);
    save();
    emit("alias", { previousId: previous }, when);
  };

  methods.reset = function () {
    user = undefined;
    newDevice();
    save();
  };

  // --- consent

  function decide(asked) {
    var before = JSON.stringify(consents);
    var event = { event: "Segment Consent Preference Updated", properties: {} };
    if (asked[options.category || "analytics"] === true) {
      consents = asked;
      if (!agreed) knownDevice();
      agreed = true;
      save();
      if (JSON.stringify(asked) != before) emit("track", event, moment());
      release();
    } else if (agreed) {
      consents = asked;
      pending = [];
      emit("track", event, moment());
      forget();
      flush();
    } else {
      agreed = false;
      held = [];
    }
  }

  function release() {
    held.splice(0).forEach(function (call) {
      run.apply(null, call);
    });
  }

  function run(name, parameters, when) {
    if (key && agreed) methods[name].apply(null, [when].concat(parameters));
    else if (agreed !== false && held.length < HELD_MAX) held.push([name, parameters, when]);
  }

  // --- sending

  function size(part) {
    return new Blob([part]).size;
  }

  function take() {
    var count = 0;
    var bytes = 0;
    while (count < pending.length && count < BATCH_MAX) {
      bytes += size(pending[count]);
      if (count && bytes > BATCH_BYTES) break;
      count++;
    }
    return pending.splice(0, count);
  }

  function body(events) {
    var start = JSON.stringify({ writeKey: key, sentAt: new Date().toISOString() });
    return start.slice(0, -1) + ',"batch":[' + events + "]}";
  }

  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (sending || !pending.length) return;
    sending = take();
    var content = body(sending);
    // Text needs no preflight, and the key stands in the body.
    fetch(url, {
      method: "POST",
      body: content,
      credentials: "omit",
      keepalive: size(content) < 64000,
      headers: { "Content-Type": "text/plain" }
    }).then(
      function (answer) {
        settle(answer.status == 429 || answer.status >= 500, answer.headers.get("Retry-After"));
      },
      function () {
        settle(true);
      }
    );
  }

  function settle(again, seconds) {
    var events = sending;
    sending = 0;
    if (again && events != withdrawn) pending = events.concat(pending);
    failures = again ? failures + 1 : 0;
    clearTimeout(timer);
    timer = 0;
    if (!pending.length) return;
    if (!again) return flush();
    var pause = Math.min(60, Math.pow(2, failures - 1)) * (0.5 + Math.random() / 2);
    timer = setTimeout(flush, Math.max(pause, +seconds || 0) * 1000);
  }

  function leave() {
    while (pending.length) {
      var events = take();
      if (!navigator.sendBeacon || !navigator.sendBeacon(url, body(events))) {
        pending = events.concat(pending);
        return;
      }
    }
  }

  // --- what a page calls

  api.load = guarded(function (writeKey, settings) {
    if (key) return;
    options = settings || {};
    key = writeKey;
    url = (options.endpoint || (script && script.src ? new URL(script.src).origin : "")).replace(/\/$/, "") + "/v1/batch";
    restore();
    if (given) decide(given);
    else if (agreed) release();
  });

  api.consent = guarded(function (asked) {
    given = Object.assign({}, asked);
    if (key) decide(given);
  });

  api.flush = guarded(flush);

  Object.keys(methods).forEach(function (name) {
    api[name] = guarded(function () {
      run(name, [].slice.call(arguments), moment());
    });
  });

  window.addEventListener("pagehide", guarded(leave));
  document.addEventListener("visibilitychange", guarded(function () {
    if (document.visibilityState == "hidden") leave();
  }));
  window.addEventListener("storage", function (event) {
    if (key && (event.key == STORED || event.key == null)) restore();
  });

  window.foresend = api;
  for (var call of stub) if (api[call[0]]) api[call[0]].apply(null, [].slice.call(call, 1));
})(window, document, navigator);
