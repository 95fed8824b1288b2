package orchestratortest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// hostile claims a worker for a hostile function.
func (h *harness) hostile() function {
	h.Helper()
	if !h.OwnUsers {
		h.Skip("workers have no users of their own here")
	}
	h.setPool(h.Python, 1)
	return h.claim(python, nil)
}

func testRights(h *harness) {
	var status map[string]string
	h.hostile().run(`
result = {}
for line in open("/proc/self/status"):
    name, _, value = line.partition(":")
    result[name] = value.strip()
`, nil, &status)
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if strings.Trim(status[set], "0") != "" {
			h.Errorf("has capabilities: %s %s", set, status[set])
		}
	}
	if status["NoNewPrivs"] != "1" {
		h.Error("could gain rights by a set-uid program")
	}
	if groups := strings.Fields(status["Groups"]); len(groups) > 0 && !strings.Contains(status["Gid"], groups[0]) {
		h.Errorf("is in groups %v", groups)
	}
	for _, id := range append(strings.Fields(status["Uid"]), strings.Fields(status["Gid"])...) {
		if id == "0" {
			h.Errorf("has an id of root: Uid %s, Gid %s", status["Uid"], status["Gid"])
		}
	}
}

func testAgentIsOutOfReach(h *harness) {
	f := h.hostile()
	var reached []string
	f.run(`
import os, socket
result = []
def attempt(what, do):
    try:
        do()
        result.append(what)
    except OSError:
        pass
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
mine, pid = os.getuid(), os.getpid()
while pid > 1:
    pid = parent(pid)
    if pid == 0 or os.stat(f"/proc/{pid}").st_uid == mine:
        continue
    attempt(f"environment of {pid}", lambda: open(f"/proc/{pid}/environ", "rb").read(1))
    attempt(f"memory of {pid}", lambda: open(f"/proc/{pid}/mem", "rb").read(0))
    attempt(f"files of {pid}", lambda: os.listdir(f"/proc/{pid}/fd"))
    attempt(f"signal to {pid}", lambda: os.kill(pid, 0))
def connect():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(address)
if address:
    attempt("the agent's socket", connect)
    attempt("the agent's folder", lambda: os.listdir(os.path.dirname(address)))
`, map[string]any{"address": socketPath(f.worker)}, &reached)
	if len(reached) > 0 {
		h.Errorf("a function reached %v", reached)
	}
}

func socketPath(w faas.Worker) string {
	path, isSocket := strings.CutPrefix(w.Address, "unix:")
	if !isSocket {
		return ""
	}
	return path
}

// neighbour is a function that returns where its code, its scratch space and its process are. A
// mark in each distinguishes them from the other worker's own, which have the same paths and
// numbers where every worker has a file system and processes of its own. Kernels of sandboxes
// number their namespaces alike: those are told apart by their names.
const neighbour = `
import os, tempfile
MARK = "the mark of a neighbour"
def namespace():
    kernel = os.uname()
    return os.readlink("/proc/self/ns/pid") + (kernel.nodename if "gvisor" in kernel.release.lower() else "")
def main():
    path = os.path.join(tempfile.gettempdir(), "mark")
    with open(path, "w") as f:
        f.write(MARK)
    return [__file__, path, str(os.getpid()), namespace()]
`

func testNeighbourIsOutOfReach(h *harness) {
	if !h.OwnUsers {
		h.Skip("workers have no users of their own here")
	}
	h.setPool(h.Python, 2)
	other := h.claim(neighbour, nil)
	var of [4]string
	other.result(nil, &of)
	f := h.claim(python, nil)
	var reached []string
	f.run(`
import os
result = []
def attempt(what, do):
    try:
        do()
        result.append(what)
    except OSError:
        pass
def read(path):
    with open(path) as f:
        if "the mark of a neighbour" not in f.read():
            raise FileNotFoundError(path)
def write(path):
    read(path)
    with open(path, "a"):
        pass
for what, path in ("code", file), ("scratch space", scratch):
    attempt(what, lambda: read(path))
    attempt(what + ", to write", lambda: write(path))
attempt("its own code, to change it", lambda: open(__import__("main").__file__, "a"))
for entry in os.listdir("/proc"):
    if entry.isdigit():
        try:
            foreign = os.stat("/proc/" + entry).st_uid != os.getuid()
        except OSError:
            continue
        if foreign:
            attempt("signal to " + entry, lambda: os.kill(int(entry), 0))
kernel = os.uname()
mine = os.readlink("/proc/self/ns/pid") + (kernel.nodename if "gvisor" in kernel.release.lower() else "")
if mine == processes:
    attempt("folder", lambda: os.listdir(os.path.dirname(file)))
    attempt("scratch folder", lambda: os.listdir(os.path.dirname(scratch)))
    attempt("memory", lambda: open(f"/proc/{pid}/mem", "rb").read(0))
`, map[string]any{"file": of[0], "scratch": of[1], "pid": of[2], "processes": of[3]}, &reached)
	if len(reached) > 0 {
		h.Errorf("a function reached its neighbour's %v", reached)
	}
	other.result(nil, &of)
}

// testNetwork has a function connect to what it must not reach. Its own agent, which refuses it for
// its missing token, is left out.
func testNetwork(h *harness) {
	if !h.Network {
		h.Skip("the network of workers is not restricted here")
	}
	h.setPool(h.Python, 2)
	other := h.claim(echo, nil)
	f := h.claim(python, nil)
	generic := h.awaitPool(2)[0]
	doors := []string{strings.TrimPrefix(other.worker.Address, "tcp:"), strings.TrimPrefix(generic.Address, "tcp:")}
	for _, address := range h.Forbidden {
		if !answers(h.ctx, address) {
			h.Fatalf("nothing listens at %s: that a function does not reach it says nothing", address)
		}
		doors = append(doors, address)
	}
	var reached []string
	f.run(`
import socket, threading
result = []
def knock(door):
    host, _, port = door.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        result.append(door)
    except OSError:
        pass
threads = [threading.Thread(target=knock, args=[door]) for door in doors]
for t in threads:
    t.start()
for t in threads:
    t.join()
`, map[string]any{"doors": doors}, &reached)
	if len(reached) > 0 {
		h.Errorf("a function reached %v", reached)
	}
	other.answers()
}

// answers reports whether something listens at the address, or does so soon: a Service has no
// endpoint for a moment where its cluster is busy.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, hangTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// testTokenIsNowhere looks for the token in what a function can read: the environments and command
// lines of all processes, its folders, its own memory. The function's input has only the token's
// digest, or it would find the token there.
func testTokenIsNowhere(h *harness) {
	f := h.hostile()
	token := h.Orchestrator.Token(f.worker.ID)
	sum := sha256.Sum256([]byte(token))
	var found []string
	f.run(`
import hashlib, os, re
result, word = [], re.compile(rb"(?<![0-9a-zA-Z_-])[0-9a-zA-Z_-]{%d}(?![0-9a-zA-Z_-])" % length)
def look(where, text):
    for candidate in word.findall(text):
        if hashlib.sha256(candidate).hexdigest() == digest:
            result.append(where)
def look_into(path):
    try:
        with open(path, "rb") as f:
            look(path, f.read(1 << 20))
    except OSError:
        pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    look_into(f"/proc/{pid}/environ")
    look_into(f"/proc/{pid}/cmdline")
code = os.path.dirname(__import__("main").__file__)
for top in {os.getcwd(), code, os.environ.get("TMPDIR", "/tmp"), os.environ.get("HOME", "/")}:
    for folder, _, names in os.walk(os.path.dirname(top)):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                look_into(path)
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        bounds, rights = line.split()[:2]
        begin, end = (int(x, 16) for x in bounds.split("-"))
        if rights.startswith("rw") and end - begin < 64 << 20:
            try:
                memory.seek(begin)
                look(line, memory.read(end - begin))
            except OSError:
                pass
`, map[string]any{"digest": hex.EncodeToString(sum[:]), "length": len(token)}, &found)
	if len(found) > 0 {
		h.Errorf("a function found its worker's token in %v", found)
	}
}
