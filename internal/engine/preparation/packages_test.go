package preparation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// broken is a code store whose disk is.
type broken struct {
	codestore.Store
	open error
}

func (b broken) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(strings.NewReader("half")), 8, b.open
}

func TestPackageThatCannotBeRead(t *testing.T) {
	for name, open := range map[string]error{
		"not opened": errors.New("/secret/path: input/output error"), "cut short": nil,
	} {
		p := newPackages(broken{open: open}, 100)
		_, _, err := p.use(t.Context(), faas.Target{SHA256: "abc", Size: 8})
		var f *faas.Error
		if !errors.As(err, &f) || f.Kind != faas.Unavailable || strings.Contains(f.Message, "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if p.inUse != 0 || len(p.open) != 0 {
			t.Errorf("%s: %d bytes in %d packages are still in use", name, p.inUse, len(p.open))
		}
	}
}

// metered is a code store that counts the bytes of packages that were opened.
type metered struct {
	codestore.Store
	size int64

	mu    sync.Mutex
	opens map[string]int
}

func (m *metered) Open(_ context.Context, sha256 string) (io.ReadCloser, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opens == nil {
		m.opens = map[string]int{}
	}
	m.opens[sha256]++
	return io.NopCloser(bytes.NewReader(make([]byte, m.size))), m.size, nil
}

func (m *metered) count(sha256 string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opens[sha256]
}

func target(project, digest string, size int64) faas.Target {
	return faas.Target{ProjectID: project, SHA256: digest, Size: size}
}

// TestPackagesWithinTheBudget has twenty functions called together whose packages are a quarter of
// the bytes that may be in use. They are served four at a time: four are held until the fourth has
// come, and a fifth does not come meanwhile.
func TestPackagesWithinTheBudget(t *testing.T) {
	const size, budget = 1 << 10, 4 << 10
	p := newPackages(&metered{size: size}, 2*budget)
	releases := make(chan func(), 20)
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			_, release, err := p.use(t.Context(), target(fmt.Sprint("project-", i), fmt.Sprint("digest-", i), size))
			if err != nil {
				t.Error(err)
				release = func() {}
			}
			releases <- release
		})
	}
	for range 5 {
		held := []func(){<-releases, <-releases, <-releases, <-releases}
		if len(releases) > 0 {
			t.Error("more than the budget is in use")
		}
		for _, release := range held {
			release()
		}
	}
	calls.Wait()
	if p.inUse != 0 || len(p.perProject) != 0 || len(p.open) != 0 {
		t.Errorf("still in use: %d bytes, %v, %d", p.inUse, p.perProject, len(p.open))
	}
}

// TestOneProjectLeavesRoomForOthers has a project take what it can; another's package finds room.
func TestOneProjectLeavesRoomForOthers(t *testing.T) {
	const size, budget = 100, 1000
	p := newPackages(&metered{size: size}, 2*budget)
	for i := range 8 { // four fifths
		_, release, err := p.use(t.Context(), target("greedy", fmt.Sprint("g", i), size))
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	waiting, giveUp := context.WithCancel(t.Context())
	more := make(chan error, 1)
	go func() {
		_, _, err := p.use(waiting, target("greedy", "g8", size))
		more <- err
	}()
	_, release, err := p.use(t.Context(), target("modest", "m", size))
	if err != nil {
		t.Fatal(err)
	}
	release()
	giveUp()
	if err := <-more; faas.KindOf(err) != faas.Unavailable {
		t.Errorf("the ninth package of one project: %v", err)
	}
}

// TestPackageIsReadOnce has many use one package; and one that is larger than all there is.
func TestPackageIsReadOnce(t *testing.T) {
	code := &metered{size: 5000}
	p := newPackages(code, 1000)
	var calls sync.WaitGroup
	first, release, err := p.use(t.Context(), target("p", "large", 5000))
	if err != nil || len(first) != 5000 {
		t.Fatal(err)
	}
	for range 10 {
		calls.Go(func() {
			zip, release, err := p.use(t.Context(), target("p", "large", 5000))
			if err != nil || len(zip) != 5000 {
				t.Error(len(zip), err)
				return
			}
			release()
		})
	}
	calls.Wait()
	release()
	if n := code.count("large"); n != 1 {
		t.Errorf("the code store was asked %d times", n)
	}
	if p.has("large") {
		t.Error("what is larger than the cache is held in it")
	}
}

// TestReaderThatLeaves has the caller that reads for all leave; one that waits for it reads then.
func TestReaderThatLeaves(t *testing.T) {
	p := newPackages(&metered{size: 10}, 100)
	_, release, err := p.use(t.Context(), target("p", "a", 50)) // all there is
	if err != nil {
		t.Fatal(err)
	}
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, _, err := p.use(leaving, target("p", "b", 10))
		left <- err
	}()
	for !p.gate.IsWaiting("p") { // it waits for room and is the one that reads
		runtime.Gosched()
	}
	got := make(chan error, 1)
	go func() {
		_, release, err := p.use(t.Context(), target("p", "b", 10))
		if err == nil {
			release()
		}
		got <- err
	}()
	for p.users("b") < 2 {
		runtime.Gosched()
	}
	leave()
	if err := <-left; faas.KindOf(err) != faas.Unavailable {
		t.Errorf("the one that left: %v", err)
	}
	release()
	if err := <-got; err != nil {
		t.Errorf("the one that stayed: %v", err)
	}
}

func (p *packages) users(sha256 string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.open[sha256]; one != nil {
		return one.users
	}
	return 0
}
