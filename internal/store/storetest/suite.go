// Package storetest is what the store must do on every database.
package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Open returns a store on a new, empty database whose clock is now; each call with the same t gives
// another database. reopen closes that store and opens the same database again.
type Open func(t *testing.T, now func() time.Time) (s *store.Store, reopen func() *store.Store)

// tests are the promises, by name.
var tests = map[string]func(*testing.T, *fixture){
	"runtimes":                          runtimes,
	"functions":                         functions,
	"a function's revision":             revision,
	"scopes":                            scopes,
	"names":                             namesFound,
	"filters":                           filters,
	"bad queries":                       badQueries,
	"pages":                             pages,
	"long texts in lists":               longTexts,
	"what records take":                 recordUsage,
	"long texts of records":             contents,
	"logs of what runs":                 runningLogs,
	"executions of one function":        purgeOfAFunction,
	"a synchronous execution":           synchronous,
	"an asynchronous execution":         asynchronous,
	"one of many claims wins":           oneClaimWins,
	"leases":                            leases,
	"lost messages":                     lostMessages,
	"claims that are given back":        releases,
	"cancelled executions":              cancels,
	"cancelled executions are settled":  cancelledStay,
	"one of many ends wins":             oneEndWins,
	"stories of executions":             stories,
	"executions that have not ended":    openExecutions,
	"stories go with their executions":  storiesGo,
	"what fails in a batch fails alone": failsAlone,
	"purge":                             purge,
	"retention of one project":          retention,
	"retention at one moment":           retentionAtOnce,
	"retention of functions":            retentions,
	"what was committed is there again": survives,
	"trusts that are to be deleted":     trustDeletions,
	"packages in use":                   packagesInUse,
	"packages that are deleted":         packagesDeleted,
	"quotas":                            quotas,
	"quotas of projects":                ownQuotas,
	"webhooks":                          webhooks,
	"replaced URLs of webhooks":         rotation,
	"functions in use":                  usedFunctions,
	"versions in use":                   usedVersions,
	"jobs":                              jobs,
	"triggers":                          triggers,
	"triggers end":                      triggersEnd,
	"what triggers see":                 triggersSee,
	"quotas of triggers":                triggerQuota,
	"executions of jobs":                firings,
	"functions of jobs":                 functionsOfJobs,
	"quotas of jobs":                    jobQuota,
	"quotas of webhooks":                webhookQuota,
	"closed":                            closed,
	"every field of a row":              everyFieldIsKept,
	"every change of a function":        everyChangeIsKept,
	"targets":                           targets,
	"versions":                          versions,
	"numbers of versions":               versionNumbers,
	"quotas of versions":                versionsAreBounded,
	"what versions keep":                versionsKeep,
	"versions of images":                versionsOfImages,
	"counts of versions":                versionCounts,
	"aliases":                           aliases,
	"aliases of projects":               aliasesOfProjects,
	"used by aliases":                   usedByAliases,
	"canaries":                          canaries,
	"canaries that end":                 canariesEnd,
	"events":                            outbox,
	"events of many":                    outboxOfMany,
	"events of the lost":                outboxOfTheLost,
	"what follows is due at the end":    followUps,
	"what follows is made once":         following,
	"deliveries by execution":           deliveries,
	"dead letters":                      deadLetters,
	"statistics":                        statistics,
	"statistics of many":                statisticsOfMany,
	"dead letters are bounded":          lettersAreBounded,
	"dead letters of refused events":    refusedLetters,
}

// Run holds the store against its promises.
func Run(t *testing.T, open Open) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fixture{clock: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)}
			f.Store, f.reopen = open(t, f.now)
			test(t, f)
		})
	}
}

// fixture is a store and its clock.
type fixture struct {
	*store.Store
	reopen func() *store.Store
	mu     sync.Mutex
	clock  time.Time
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

var (
	ours   = faas.OneProject("ours")
	theirs = faas.OneProject("theirs")
	all    = faas.AnyProject()
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err error, kind faas.Kind) {
	t.Helper()
	if faas.KindOf(err) != kind {
		t.Errorf("got %v, want an error of kind %q", err, kind)
	}
}

func (f *fixture) runtime(t *testing.T, project string, public bool) faas.Runtime {
	t.Helper()
	r, err := f.CreateRuntime(
		t.Context(),
		faas.Runtime{ProjectID: project, Name: "r", Image: "python3", Status: faas.RuntimeAvailable, IsPublic: public},
	)
	must(t, err)
	return r
}

func (f *fixture) function(t *testing.T, project, runtime, name string) faas.Function {
	t.Helper()
	made, err := f.CreateFunction(t.Context(), faas.Function{
		ProjectID: project, RuntimeID: runtime, Name: name, Entry: "main.main", CPU: 100, MemorySize: 1 << 25, Timeout: 5 * time.Second,
		Code: faas.Code{Source: faas.SourcePackage, MD5: "m", SHA256: "s" + name, Size: 3},
	}, nil)
	must(t, err)
	return made
}

func execution(project, function string) faas.Execution {
	return faas.Execution{
		ID:         faas.NewID(),
		ProjectID:  project,
		FunctionID: function,
		Input:      `{"n":1}`,
		UserID:     "u",
		RequestID:  "req-1",
	}
}
