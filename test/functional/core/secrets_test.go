package core

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	_ "github.com/go-sql-driver/mysql" // reads the service's own database
)

// Nothing secret may be in an answer, in a log, in a record, or in a worker. Answers are searched
// as they come, the rest after the last test.

var (
	fernet     = regexp.MustCompile(`gAAAAA[A-Za-z0-9_=-]{60,}`) // a token of Keystone
	stackTrace = regexp.MustCompile(`goroutine \d+ \[|\.go:\d+ \+0x|Traceback \(most recent call last\)`)
)

// secrets are every password and key of the cloud: where each is from, and its text.
var secrets = sync.OnceValue(func() map[string]string {
	found := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(env.logs), "secrets", "*"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && len(bytes.TrimSpace(text)) >= 8 {
			found["secrets/"+filepath.Base(file)] = strings.TrimSpace(string(text))
		}
	}
	return found
})

// leaks returns which secrets the text has, by name.
func leaks(where string, text []byte) (found []string) {
	for name, secret := range secrets() {
		if bytes.Contains(text, []byte(secret)) {
			found = append(found, where+" has "+name)
		}
	}
	if m := fernet.Find(text); m != nil {
		found = append(found, fmt.Sprintf("%s has a token (…%s)", where, m[len(m)-6:]))
	}
	return found
}

// answered are the leaks in answers.
var answered struct {
	sync.Mutex
	leaks []string
	count int
}

// watched searches every answer.
type watched struct{ http.RoundTripper }

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	where := r.Method + " " + r.URL.Path
	answered.Lock()
	defer answered.Unlock()
	if answered.count++; answered.count > 20000 {
		return resp, nil // of a load: one like the others
	}
	var head bytes.Buffer
	_ = resp.Header.Write(&head) // into memory: cannot fail
	answered.leaks = append(answered.leaks, leaks(where, append(head.Bytes(), body...))...)
	if stackTrace.Match(body) {
		answered.leaks = append(answered.leaks, where+" has a stack trace")
	}
	return resp, nil
}

// searchEverywhere looks through answers, logs and records of the whole run.
func searchEverywhere() []string {
	found := answered.leaks
	found = append(found, searchLogs()...)
	records, err := searchRecords()
	if err != nil {
		found = append(found, "the records could not be searched: "+err.Error())
	}
	return append(found, records...)
}

// searchLogs looks through our services' logs and what their processes were started with.
func searchLogs() (found []string) {
	files, _ := filepath.Glob(filepath.Join(env.logs, "faas-*.log"))
	if len(files) < 4 {
		found = append(found, fmt.Sprintf("only %d logs of our services in %s", len(files), env.logs))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || len(text) == 0 {
			found = append(found, fmt.Sprintf("%s was not searched: %d bytes, %v", file, len(text), err))
		}
		found = append(found, leaks(file, text)...)
		if m := stackTrace.Find(text); m != nil {
			found = append(found, fmt.Sprintf("%s has a stack trace: %s", file, m))
		}
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		if text, err := os.ReadFile(file); err == nil {
			found = append(
				found,
				leaks(file+" ("+string(bytes.ReplaceAll(text[:min(40, len(text))], []byte{0}, []byte{' '}))+")", text)...)
		}
	}
	return found
}

// searchRecords looks through every table of the service's database.
func searchRecords() (found []string, err error) {
	at := regexp.MustCompile(`://([^:]+):([^@]+)@([^/]+)/(\w+)`).FindStringSubmatch(env.database)
	if at == nil {
		return nil, fmt.Errorf("DATABASE_URL is none")
	}
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s", at[1], at[2], at[3], at[4]))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	tables, err := column(db, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	if err == nil && len(tables) < 4 {
		err = fmt.Errorf("only the tables %q", tables)
	}
	for _, table := range tables {
		rows, err := db.Query("SELECT * FROM `" + table + "`")
		if err != nil {
			return found, err
		}
		hits, err := searchRows(table, rows)
		if err != nil {
			return found, err
		}
		found = append(found, hits...)
	}
	return found, err
}

func column(db *sql.DB, query string) (values []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}

func searchRows(table string, rows *sql.Rows) (found []string, err error) {
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.RawBytes, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, value := range values {
			found = append(found, leaks("the table "+table+", column "+names[i], value)...)
		}
	}
	return found, rows.Err()
}

// searchWorkers looks through environment and memory of every process in a worker, from outside,
// for the services' secrets.
func searchWorkers(t *testing.T) (found []string, processes int) {
	t.Helper()
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	must(t, err)
	known := secrets()
	if len(known) == 0 {
		t.Fatal("no secret to search for")
	}
	for _, file := range groups {
		group, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(group, []byte("kubepods")) {
			continue
		}
		processes++
		dir := filepath.Dir(file)
		for name, secret := range known {
			if in := memoryHas(dir, secret); in != "" {
				found = append(found, fmt.Sprintf("%s of a worker's process (%s) has %s", in, dir, name))
			}
		}
	}
	return found, processes
}

// memoryHas returns where the process of the /proc folder has the text.
func memoryHas(dir, text string) string {
	if environ, err := os.ReadFile(dir + "/environ"); err == nil && bytes.Contains(environ, []byte(text)) {
		return "the environment"
	}
	maps, err := os.ReadFile(dir + "/maps")
	if err != nil {
		return ""
	}
	memory, err := os.Open(dir + "/mem")
	if err != nil {
		return ""
	}
	defer memory.Close()
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		from, to, ok := strings.Cut(fields[0], "-")
		if !ok || !strings.HasPrefix(fields[1], "rw") {
			continue
		}
		a, errA := strconv.ParseInt(from, 16, 64)
		b, errB := strconv.ParseInt(to, 16, 64)
		if errA != nil || errB != nil || b-a > 256<<20 {
			continue
		}
		part := make([]byte, b-a)
		n, _ := memory.ReadAt(part, a) // what cannot be read is not there
		if bytes.Contains(part[:n], []byte(text)) {
			return "the memory"
		}
	}
	return ""
}
