package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestProcessesCountRecordsTogether has one process know of another's records soon, and the counts
// be right again after they were off.
func TestProcessesCountRecordsTogether(t *testing.T) {
	server := mariadb(t)
	url := migrated(t)
	one, two := open(t, url, nil), open(t, url, nil)
	if used, err := two.RecordUsage(t.Context(), "p"); err != nil || used[faas.ResourceQueued] != 0 {
		t.Fatalf("%v, %v", used, err)
	}
	ids := enqueue(t, one, 7)
	_, _, err := two.Claim(t.Context(), ids[0], "engine", time.Minute)
	fatal(t, err)
	const bytes = 7 * (512 + int64(len(`{"n":1}`)))
	soon(t, one, 6, bytes)
	soon(t, two, 6, bytes)

	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	for _, wrong := range []string{
		"UPDATE quota_usages SET used = used + 1000 WHERE resource IN ('queued_executions', 'execution_bytes')",
		"UPDATE quota_usages SET used = 1 WHERE resource IN ('queued_executions', 'execution_bytes')",
		"DELETE FROM quota_usages",
		"UPDATE quota_usages SET project_id = 'nobody'",
	} {
		_, err := db.ExecContext(t.Context(), wrong)
		fatal(t, err)
		if n, err := one.RepairRecordUsage(t.Context()); err != nil || n == 0 {
			t.Errorf("after %s %d were repaired, %v", wrong, n, err)
		}
		recorded(t, db, "p", 6, bytes)
		soon(t, one, 6, bytes)
		soon(t, two, 6, bytes)
	}
	recorded(t, db, "nobody", 0, 0)
}

func recorded(t *testing.T, db *sql.DB, projectID string, queued, bytes int64) {
	t.Helper()
	for resource, want := range map[faas.Resource]int64{faas.ResourceQueued: queued, faas.ResourceRecords: bytes} {
		var got int64
		err := db.QueryRowContext(t.Context(),
			`SELECT used FROM quota_usages WHERE project_id = ? AND resource = ?`, projectID, string(resource)).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s: %s are %d, %v; want %d", projectID, resource, got, err, want)
		}
	}
}

// soon waits until a process knows how much there is.
func soon(t *testing.T, s *store.Store, queued, bytes int64) {
	t.Helper()
	want := faas.Amounts{faas.ResourceQueued: queued, faas.ResourceRecords: bytes}
	var got faas.Amounts
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		var err error
		if got, err = s.RecordUsage(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		fatal(t, s.Ping(t.Context())) // a round trip, so as not to spin
	}
	t.Errorf("a process says %v, want %v", got, want)
}

// TestRecordsAreCountedOutsideTheirTransactions has nobody wait for the count of a project, whoever
// holds its row.
func TestRecordsAreCountedOutsideTheirTransactions(t *testing.T) {
	server := mariadb(t)
	url := migrated(t)
	s := open(t, url, nil)
	enqueue(t, s, 1)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	fatal(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(
		t.Context(),
		`INSERT INTO quota_usages (project_id, resource, used) VALUES ('p', 'queued_executions', 0), ('p', 'execution_bytes', 0)
		ON DUPLICATE KEY UPDATE used = used`,
	)
	fatal(t, err)
	ids := enqueue(t, s, 5)
	for _, id := range ids {
		if _, won, err := s.Claim(t.Context(), id, "engine", time.Minute); err != nil || !won {
			t.Fatal(won, err)
		}
		fatal(t, s.Finish(t.Context(), id, store.Ending{Status: faas.ExecutionSuccess, Result: strings.Repeat("r",
			10), ProjectID: "p"}))
	}
	fatal(t, tx.Rollback())
	soon(t, s, 1, 6*(512+7)+5*10)
}

// TestClaimsAreCountedBeforeTheQueue has the process that claims add its count before the one that
// enqueues does.
func TestClaimsAreCountedBeforeTheQueue(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		one, two := open(t, url, nil), open(t, url, nil)
		ids := enqueue(t, one, 3)
		for _, id := range ids[:2] {
			_, _, err := two.Claim(t.Context(), id, "engine", time.Minute)
			fatal(t, err)
		}
		fatal(t, two.AddRecordUsage(t.Context()))
		if used, err := two.RecordUsage(t.Context(), "p"); err != nil || used[faas.ResourceQueued] < 0 {
			t.Errorf("in use: %v, %v", used, err)
		}
		fatal(t, one.AddRecordUsage(t.Context()))
		soon(t, two, 1, 3*(512+7))
		soon(t, one, 1, 3*(512+7))
	})
}
