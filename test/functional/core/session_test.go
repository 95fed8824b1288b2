package core

import (
	"encoding/json"
	"strings"
	"testing"
)

// visit lists the project's containers through its session, and tries another project's account.
const visit = `
def main(context, other, **kwargs):
    session = context["os_session"]
    of = {"service_type": "object-store", "interface": "public"}
    mine = session.get("?format=json", endpoint_filter=of).json()
    url = session.get_endpoint(**of)
    return {
        "containers": [c["name"] for c in mine],
        "project": session.get_project_id(),
        "other": session.get(other, raise_exc=False).status_code,
        "write": session.put(url + "/made-by-function", raise_exc=False).status_code,
    }
`

// TestSession has a function act for its creator in its project, and nowhere else.
func TestSession(t *testing.T) {
	ctx := testContext(t)
	demo, alt := login(ctx, t, "demo"), login(ctx, t, "alt")
	object(ctx, t, demo, "holiday", "picture", []byte("sun"))
	object(ctx, t, alt, "private", "letter", []byte("dear"))
	for api := range env.endpoints {
		c := with(t, api, demo.text)
		f := create(ctx, t, c, visit)
		var saw struct {
			Containers   []string
			Project      string
			Other, Write int
		}
		must(t, json.Unmarshal([]byte(run(ctx, t, c, f.ID, map[string]any{"other": alt.swift + "/private/letter"})), &saw))
		if !strings.Contains(strings.Join(saw.Containers, " "), "holiday") || saw.Project != demo.projectID {
			t.Errorf("the session of a function sees %+v, not project %s with its container holiday", saw, demo.projectID)
		}
		if saw.Other != 403 && saw.Other != 404 {
			t.Errorf("another project's object is answered with %d", saw.Other)
		}
		if saw.Write != 201 && saw.Write != 202 {
			t.Errorf("a member's function makes a container: %d", saw.Write)
		}
	}
}

// TestNodeSession has a function in Node.js do the same with token and endpoints.
func TestNodeSession(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	object(ctx, t, demo, "holiday", "picture", []byte("sun"))
	c := with(t, 0, demo.text)
	f := createNode(ctx, t, c, `
exports.main = async ({}, context) => {
  const os = context.os;
  const answer = await fetch(os.endpoints["object-store"] + "?format=json", {headers: {"X-Auth-Token": os.token}});
  return (await answer.json()).map((c) => c.name);
};
`)
	if out := run(ctx, t, c, f.ID, map[string]any{}); !strings.Contains(out, `"holiday"`) {
		t.Errorf("the function lists %s", out)
	}
}

// rummage looks for what is no business of a function's: in its environment, every file but those
// of the image that are everybody's, every process that it can see.
const rummage = `
import os, re

token = re.compile(rb"gAAAAA[A-Za-z0-9_=-]{60,}")
words = re.compile(rb"(?i)(password|passwd|token_secret|transport_url|connection)\s*[=:]\s*[^\s\"']{6,}"
                   rb"|(rabbit|mysql[a-z+]*)://[^\s:]+:[^\s@]+@")
not_ours = ("/proc", "/sys", "/usr", "/lib", "/etc/ssl")

def look(where, data, found):
    for what in token.findall(data):
        found.append([where, "token", what.decode()[-8:]])
    for what in words.finditer(data):
        found.append([where, "words", data[max(0, what.start() - 20):what.end() + 20].decode("latin1")[:120]])

def main(context=None, **kwargs):
    found = []
    look("environment", "\n".join(k + "=" + v for k, v in os.environ.items()).encode(), found)
    for folder, folders, files in os.walk("/"):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in not_ours]
        for f in (os.path.join(folder, f) for f in files):
            try:
                if os.path.isfile(f):  # no device, no pipe
                    with open(f, "rb") as opened:
                        look(f, opened.read(1 << 20), found)
            except OSError:
                pass
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for part in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{part}", "rb") as opened:
                    look(f"/proc/{pid}/{part}", opened.read(), found)
            except OSError:
                pass
    return found
`

// TestNoSecretWithin has a function rummage through its worker.
func TestNoSecretWithin(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := as(ctx, t, "demo")
	f := create(ctx, t, c, rummage)
	if out := run(ctx, t, c, f.ID, nil); out != "[]" {
		t.Errorf("a function finds in its worker: %s", out)
	}
	found, processes := searchWorkers(t)
	if processes == 0 {
		t.Error("no process of a worker was searched")
	}
	for _, leak := range found {
		t.Error(leak)
	}
}
